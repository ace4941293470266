"""Exceptions that stop a record, a write or the run, apart from failed requests.

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
    """The record cannot become a write. The message states why, without a value."""


class InDoubtError(InvalidRecordError):
    """The record may have been sent before, and nothing shows whether Invoiced executed it."""


class TooManyRejectsError(InvalidInputError):
    """More records were refused than `max_rejects` allows."""


class StreamSettingError(ValueError):
    """An entry of `streams` cannot be used. The message completes "`name` …"."""


class AlreadyCreatedError(Exception):
    """The object exists: an earlier attempt created it.

    Attributes:
        row: the object, as Invoiced shows it.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__()
        self.row = row


class UndecidableError(Exception):
    """Nothing shows whether an earlier attempt was executed."""
