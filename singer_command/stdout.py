"""Stdout carries messages and nothing else."""

import os
import sys

from singer_command.signals import Signals


class StdoutClosed(Exception):
    """Nobody reads our stdout any more."""


class Stdout:
    """The process's stdout, for whole lines only. `print` and libraries get stderr in its place."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._file_number = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def write(self, lines: bytes) -> None:
        """Raises StdoutClosed; a signal that comes meanwhile is raised after the last byte."""
        with self._signals.held():
            view = memoryview(lines)
            try:
                while view:
                    view = view[os.write(self._file_number, view) :]
            except BrokenPipeError:
                raise StdoutClosed from None
