"""What stops a record, a write or the run, beside the failures of requests.

InvalidInputError
└── TooManyRejectsError   more records were refused than `max_rejects` allows
StreamSettingError        an entry of the setting `streams` cannot be used
InvalidRecordError        a record is not written; Invoiced is not asked
└── InDoubtError          … because it may have been written before
AlreadyCreatedError       an earlier attempt created the object: no second request
UndecidableError          nothing shows whether an earlier attempt was carried out
"""

from typing import Any

from invoiced_api.exceptions import InvalidInputError


class InvalidRecordError(Exception):
    """The record cannot become a write; the message says why, without a value."""


class InDoubtError(InvalidRecordError):
    """The record was sent before, and nothing shows any more whether Invoiced carried it out."""


class TooManyRejectsError(InvalidInputError):
    """More records were refused than `max_rejects` allows."""


class StreamSettingError(ValueError):
    """One entry of `streams` cannot be used; the message completes "`name` …"."""


class AlreadyCreatedError(Exception):
    """The object is there: an earlier attempt created it."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__()
        self.row = row


class UndecidableError(Exception):
    """Whether an earlier attempt was carried out cannot be found out."""
