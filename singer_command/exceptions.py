"""Exceptions that end a run from outside, or keep it from a database.

RunInterruptedError   SIGTERM or SIGINT asks the run to end; no `Exception`, so nothing contains it
StdoutClosedError     nobody reads the messages any more
InvalidInputError
└── DatabaseBusyError   another process has locked the database
"""

from invoiced_api.exceptions import InvalidInputError


class RunInterruptedError(BaseException):
    """SIGTERM or SIGINT asks the run to end. Raised where nothing is cut in half.

    Attributes:
        signum: number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class StdoutClosedError(Exception):
    """Nobody reads our stdout any more."""


class DatabaseBusyError(InvalidInputError):
    """Another process has the database, or the row, to itself."""
