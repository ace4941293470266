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
    """Turns the first SIGTERM or SIGINT into `Stopped`; later ones change nothing.

    What holds it back is interrupted after `patience_s`, if that is given.
    """

    def __init__(self, patience_s: float | None = None) -> None:
        self._patience_s = patience_s
        self._held = False
        self._received: int | None = None

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, self._receive)
        if self._patience_s:
            signal.signal(signal.SIGALRM, self._lose_patience)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            return
        self._received = signum
        if self._patience_s:
            signal.setitimer(signal.ITIMER_REAL, self._patience_s)
        if not self._held:
            raise Interrupted(signum)

    def _lose_patience(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            raise Interrupted(self._received)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While inside, a signal waits."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._received is not None:
            raise Interrupted(self._received)


def end_quietly() -> None:
    """Until a run begins, Ctrl-C just ends the command: there is nothing to tell yet."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ignore_from_now_on() -> None:
    """A run that is over cannot be stopped: what it says last is not interrupted."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
