"""Stdout carries messages and nothing else."""

import atexit
import os
import select
import sys
from threading import Lock

from invoiced_api.exceptions import InvalidInputError
from singer_command.exceptions import RunInterruptedError, StdoutClosedError
from singer_command.signals import Signals

# How long to wait for a full pipe that does not block, before looking at signals again.
POLL_S = 0.25
# Most lines are shorter.
LOOK_BYTES = 64 * 1024


class Stdout:
    """The process's stdout, for whole lines only. `print` and libraries get stderr in its place.

    Args:
        signals: defers signals while a line is written.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._lock = Lock()
        self._unwritten = memoryview(b"")
        self._overdue = False
        self._stopped = False
        self._file_number = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        signals.on_overdue = self._stop_blocking

    def write(self, lines: bytes) -> None:
        """Writes whole lines; a signal that comes meanwhile is raised after the last byte.

        May be called by several threads, whose lines stay whole. If they are read slowly after a
        signal, stdout ends with one of the next lines, and nothing follows it, no STATE either. If
        nobody reads them, the signal is raised before the last byte. The next write goes on there,
        so that no line is cut in half.

        Raises:
            StdoutClosedError: if the reader has gone.
            InvalidInputError: if stdout is a file that cannot be written any more.
        """
        with self._signals.deferred(), self._lock:
            if self._stopped:
                return
            rest = self._unwritten
            self._unwritten = memoryview(b"".join((rest, lines)) if rest else lines)
            try:
                while self._unwritten:
                    self._write_some()
            except BrokenPipeError:
                raise StdoutClosedError from None
            except OSError as error:
                raise InvalidInputError(
                    f"stdout cannot be written: {error.strerror}. Check where stdout goes."
                ) from None

    def _write_some(self) -> None:
        part = self._unwritten if self._signals.received is None else self._rest_of_line()
        try:
            written = os.write(self._file_number, part)
            self._unwritten = self._unwritten[written:]
            if written == len(part) and self._signals.must_hurry:
                self._unwritten, self._stopped = memoryview(b""), True
        except BlockingIOError:  # the pipe is full, and its other end made it non-blocking, or we
            if self._overdue and self._signals.received is not None:
                # Other processes may share the other end, such as a terminal.
                atexit.register(os.set_blocking, self._file_number, True)
                raise RunInterruptedError(self._signals.received) from None
            select.select([], [self._file_number], [], POLL_S)

    def _rest_of_line(self) -> memoryview:
        """What is left of the line under way, or the next line."""
        for start in range(0, len(self._unwritten), LOOK_BYTES):
            found = bytes(self._unwritten[start : start + LOOK_BYTES]).find(b"\n")
            if found >= 0:
                return self._unwritten[: start + found + 1]
        return self._unwritten

    def _stop_blocking(self) -> None:
        """Ends a write that blocks, with an exact count of the bytes that were written.

        An exception out of a signal handler would lose that count.
        """
        self._overdue = True
        os.set_blocking(self._file_number, False)
