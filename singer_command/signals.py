"""SIGTERM and SIGINT end a run, where nothing is cut in half."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """SIGTERM or SIGINT asks the run to end; raised where nothing is cut in half."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Signals:
    """Turns the first SIGTERM or SIGINT into `Interrupted`; later ones change nothing.

    What holds it back is interrupted after `grace_s`, if that is given.
    """

    def __init__(self, grace_s: float | None = None) -> None:
        self._grace_s = grace_s
        self._deferring = False
        self._received: int | None = None

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, self._receive)
        if self._grace_s:
            signal.signal(signal.SIGALRM, self._interrupt_late)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            return
        self._received = signum
        if self._grace_s:
            signal.setitimer(signal.ITIMER_REAL, self._grace_s)
        if not self._deferring:
            raise Interrupted(signum)

    def _interrupt_late(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            raise Interrupted(self._received)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While inside, a signal waits."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self._received is not None:
            raise Interrupted(self._received)


def use_default_sigint() -> None:
    """Until a run begins, Ctrl-C just ends the command: there is nothing to tell yet."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_signals() -> None:
    """A run that is over cannot be stopped: what it says last is not interrupted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
