"""Why a record is not written, before Invoiced is asked."""

from invoiced_api.exceptions import InvalidInputError


class InvalidRecordError(Exception):
    """The record cannot become a write; the message says why, without a value."""


class TooManyRejectsError(InvalidInputError):
    """More records were refused than `max_rejects` allows."""
