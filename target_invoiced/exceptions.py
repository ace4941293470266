"""Why a record is not written, before Invoiced is asked."""


class InvalidRecordError(Exception):
    """The record cannot become a write; the message says why, without a value."""
