"""Errors of the REST interface: the words and the status codes of Qdrant.

Words: lib/storage/src/content_manager/errors.rs; status codes: src/actix/helpers.rs (HttpError::status_code).
"""


class StorageError(Exception):
    """An error that a client gets."""

    status = 500
    prefix = "Service internal error: "

    def __init__(self, description: str) -> None:
        super().__init__(f"{self.prefix}{description}")
        self.description = description


class ServiceError(StorageError):
    """Something inside failed; `is_transient` in Qdrant's words."""


class BadRequestError(StorageError):
    """Not possible as things are."""

    status = 400
    prefix = "Bad request: "


class BadInputError(StorageError):
    """Not possible at all."""

    status = 400
    prefix = "Wrong input: "


class AlreadyExistsError(StorageError):
    """409, with the words of a wrong input."""

    status = 409
    prefix = "Wrong input: "


class NotFoundError(StorageError):
    """No such thing."""

    status = 404
    prefix = "Not found: "


class ForbiddenError(StorageError):
    """The key does not allow it."""

    status = 403
    prefix = "Forbidden: "


KINDS = {
    kind.__name__: kind
    for kind in (ServiceError, BadRequestError, BadInputError, AlreadyExistsError, NotFoundError, ForbiddenError)
}
"""By name, for errors that travel between peers."""
