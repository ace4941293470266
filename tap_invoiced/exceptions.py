"""Exceptions that end a stream or the run, apart from failed requests.

InvoicedError
├── BadValueError         a column cannot hold a value, and `on_bad_value` is "stop"
├── VerificationError     the server counts more objects than were read
└── StreamsFailedError    some streams failed; raised at the end of the run

ConversionError           a value is not of its column's type; caught where the value is transformed
PartLostError             a free-form value cannot be kept whole; caught where pages are converted
"""

from typing import Any

from invoiced_api.exceptions import InvoicedError


class BadValueError(InvoicedError):
    """A column cannot hold a value, and the setting `on_bad_value` is "stop"."""


class VerificationError(InvoicedError):
    """The server counts more objects of a stream than were read."""


class StreamsFailedError(InvoicedError):
    """Some streams could not be read; the others are complete."""


class ConversionError(Exception):
    """A column cannot hold a value as it was sent.

    Attributes:
        emitted: what takes its place.
    """

    def __init__(self, emitted: Any = None) -> None:
        super().__init__()
        self.emitted = emitted


class PartLostError(Exception):
    """A part of a free-form value cannot be kept, and nothing collects what rows lose."""
