"""Why a record is not written, before Invoiced is asked."""

from invoiced_api.exceptions import InvalidInputError


class InvalidRecordError(Exception):
    """The record cannot become a write; the message says why, without a value."""


class InDoubtError(InvalidRecordError):
    """The record was sent before, and nothing shows any more whether Invoiced carried it out."""


class TooManyRejectsError(InvalidInputError):
    """More records were refused than `max_rejects` allows."""
