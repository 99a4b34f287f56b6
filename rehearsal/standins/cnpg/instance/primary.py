"""What a primary keeps in order: slots of its standbys, passwords, the poolers' look-up (instance_controller.go)."""

import json
from typing import Any

from . import config
from .api import Api, Missing
from .config import identifier, quoted
from .log import say
from .server import Server

STATUS = """
SELECT json_build_object(
    'isPrimary', NOT pg_is_in_recovery(),
    'systemID', (SELECT system_identifier::text FROM pg_control_system()),
    'timeLineID', (SELECT timeline_id FROM pg_control_checkpoint()),
    'currentLsn', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn()::text END,
    'receivedLsn', pg_last_wal_receive_lsn()::text,
    'replayLsn', pg_last_wal_replay_lsn()::text,
    'isWalReceiverActive', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
    'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots)
)"""

DROP_IDLE = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active;"

LOOK_UP = f"""
CREATE OR REPLACE FUNCTION public.user_search(uname TEXT) RETURNS TABLE (usename name, passwd text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    'SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename=$1;';
REVOKE ALL ON FUNCTION public.user_search(text) FROM public;
GRANT EXECUTE ON FUNCTION public.user_search(text) TO {config.POOLER_USER};
"""  # noqa: S608 (a constant)
"""docs/src/connection_pooling.md, "SQL instructions"."""


def status(server: Server) -> dict[str, Any]:
    """The instance's state as its status port tells it (pkg/postgres/status.go); PostgresError without an answer."""
    return json.loads(server.sql(STATUS, seconds=4))


class Upkeep:
    """Brings the primary's roles and slots to what the Cluster says, each when it has changed."""

    def __init__(self, server: Server, api: Api) -> None:
        self._server, self._api = server, api
        self._passwords: dict[str, str] = {}
        self._pooler_done = False

    def slots(self, wanted: set[str], existing: set[str]) -> None:
        """A slot for every standby and none else of ours, so that a standby that was away finds its WAL."""
        make = "".join(f"SELECT pg_create_physical_replication_slot({quoted(n)}, true);" for n in wanted - existing)
        gone = "".join(DROP_IDLE % quoted(n) for n in existing - wanted if n.startswith("_cnpg_"))
        if make or gone:
            self._server.sql(make + gone)

    def roles(self, cluster: dict[str, Any]) -> None:
        """Passwords as the secrets have them now; the poolers' user."""
        declared = (cluster["spec"].get("bootstrap") or {}).get("initdb") or {}
        own = cluster["metadata"]["name"]
        database = str(declared.get("database") or "app")
        if not self._pooler_done:
            self._pooler_user(database)
            self._pooler_done = True
        owner = str(declared.get("owner") or "app")
        self._password(owner, str((declared.get("secret") or {}).get("name") or f"{own}-app"))
        if cluster["spec"].get("enableSuperuserAccess"):
            secret = str((cluster["spec"].get("superuserSecret") or {}).get("name") or f"{own}-superuser")
            self._password("postgres", secret)
        elif self._passwords.get("postgres") != "none":
            self._server.sql("ALTER ROLE postgres PASSWORD NULL")
            self._passwords["postgres"] = "none"

    def _password(self, role: str, secret_name: str) -> None:
        try:
            secret = self._api.secret(secret_name)
        except Missing:
            return
        if self._passwords.get(role) == secret["password"]:
            return
        self._server.sql(f"ALTER ROLE {identifier(role)} PASSWORD {quoted(secret['password'])}")
        if role in self._passwords:
            say(f"the password of {role} has changed with its secret")
        self._passwords[role] = secret["password"]

    def _pooler_user(self, database: str) -> None:
        roles = self._server.sql("SELECT rolname FROM pg_roles").splitlines()
        if config.POOLER_USER not in roles:
            self._server.sql(f"CREATE ROLE {config.POOLER_USER} LOGIN")
        for place in ("postgres", database):
            self._server.sql(f"GRANT CONNECT ON DATABASE {identifier(place)} TO {config.POOLER_USER};" + LOOK_UP, place)
