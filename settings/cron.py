"""Times that come again, as cron expressions of five fields, in UTC."""

import re
from typing import Annotated

from settings.model import checked

_FIELD = re.compile(r"(\*|\d+(-\d+)?(,\d+(-\d+)?)*)(/\d+)?")


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise ValueError('not a cron expression of five fields: "23 * * * *" is each hour, at 23 minutes past')
    return text


Cron = Annotated[str, checked(_cron)]
