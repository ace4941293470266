"""SIGTERM and SIGINT end a run, where nothing is cut in half."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from singer_command.exceptions import RunInterruptedError

LOGGER = logging.getLogger(__name__)

HAS_ALARM = hasattr(signal, "SIGALRM")  # Windows has none
# How often an alarm comes back once the grace period is over, should one be missed.
ALARM_EVERY_S = 0.25


class Signals:
    """Turns the first SIGTERM or SIGINT into `RunInterruptedError`; later ones change nothing.

    Attributes:
        received: the signal that asks the run to end; None if none came.
        on_overdue: called once `grace_s` have passed since the signal and a write still defers
            it. It has to make that write end, and may run between any two instructions.
    """

    def __init__(self, grace_s: float | None = None) -> None:
        self._grace_s = grace_s
        self._deferring = False
        self._asked: int | None = None
        self._grace_began = 0.0
        self.received: int | None = None
        self.on_overdue: Callable[[], None] = lambda: None

    @property
    def must_hurry(self) -> bool:
        """Whether half of the grace period since a signal has passed."""
        if self.received is None or not self._grace_s:
            return False
        return time.monotonic() - self._grace_began >= self._grace_s / 2

    def install(self) -> None:
        """Handles SIGTERM and SIGINT from now on."""
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, self._receive)
        if self._grace_s and HAS_ALARM:
            signal.signal(signal.SIGALRM, self._overdue)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self.received is not None:
            return
        self.received = signum
        if self._grace_s:
            self._start_grace_period(self._grace_s)
        if not self._deferring:
            raise RunInterruptedError(signum)

    def start_grace_period(self, signum: int) -> None:
        """A run that handles the signal itself has `grace_s` to end; then the signal is raised."""
        if self._asked is None and self._grace_s:
            self._asked = signum
            self._start_grace_period(self._grace_s)

    def _start_grace_period(self, grace_s: float) -> None:
        self._grace_began = time.monotonic()
        if HAS_ALARM:
            signal.setitimer(signal.ITIMER_REAL, grace_s, ALARM_EVERY_S)
            return
        # Nothing else interrupts a write that blocks: the process ends in the middle of it.
        timer = threading.Timer(grace_s, self._exit)
        timer.daemon = True
        timer.start()

    def _overdue(self, signum: int, frame: FrameType | None) -> None:
        self.received = self.received or self._asked
        if self._deferring:
            self.on_overdue()
        elif self.received is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise RunInterruptedError(self.received)

    def _exit(self) -> None:
        self.received = self.received or self._asked
        if self._deferring and self.received is not None:
            LOGGER.critical("stopped by %s", signal.Signals(self.received).name)
            logging.shutdown()
            os._exit(128 + self.received)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While inside, a signal waits."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self.received is not None:
            raise RunInterruptedError(self.received)


def use_default_sigint() -> None:
    """Until a run begins, Ctrl-C just ends the command: there is nothing to report yet."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_signals() -> None:
    """A run that has ended cannot be stopped: its last log lines are not interrupted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if HAS_ALARM:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
