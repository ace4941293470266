"""Stdout carries messages and nothing else."""

import os
import sys
from threading import Lock

from invoiced_api.exceptions import InvalidInputError
from singer_command.signals import Signals


class StdoutClosed(Exception):
    """Nobody reads our stdout any more."""


class Stdout:
    """The process's stdout, for whole lines only. `print` and libraries get stderr in its place."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._lock = Lock()
        self._file_number = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def write(self, lines: bytes) -> None:
        """May be called by several threads, whose lines stay whole.

        Raises StdoutClosed, or InvalidInputError if stdout is a file that cannot be written any more; a
        signal that comes meanwhile is raised after the last byte.
        """
        with self._signals.deferred(), self._lock:
            view = memoryview(lines)
            try:
                while view:
                    view = view[os.write(self._file_number, view) :]
            except BrokenPipeError:
                raise StdoutClosed from None
            except OSError as error:
                raise InvalidInputError(f"stdout cannot be written: {error.strerror}.") from None
