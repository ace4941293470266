"""Runs of the target without start-up time and waits, and the faults that they meet."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Faults
from invoiced_emulator.http.faults import Fault

Message = dict[str, Any]


class Forks:
    """Runs the target in forked processes, one after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self._line, self._answers = ours, ours.makefile("r")
        script = Path(__file__).with_name("forks.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
        )
        theirs.close()

    def start(self, request: Message, files: list[int]) -> int:
        socket.send_fds(self._line, [json.dumps(request).encode()], files)
        return int(self._answers.readline())

    def wait(self) -> int:
        return int(self._answers.readline())

    def close(self) -> None:
        self._answers.close()
        self._line.close()
        self._process.wait(timeout=20)


LOST = (
    Fault(kind="drop_before"),
    Fault(kind="drop_after"),
    Fault(kind="late"),
    Fault(kind="status", status=503, html=True),
)
# Invoiced's own error: it remembers that under the idempotency key.
FAILED = Fault(kind="status", status=500, remembered=True)


@dataclass(slots=True)
class Death:
    """When the target is killed: at so many requests, writes, or STATEs. Never, if all are 0."""

    requests: int = 0
    writes: int = 0
    states: int = 0
    commit_s: float = 0.0


class Trouble(Faults):
    """What happens to each request: the network's faults, and the target's death."""

    def __init__(self, world: Any) -> None:
        super().__init__([])
        self._world = world
        self.share = 0.0
        self.death = Death()
        self.target: int | None = None

    def next(self, method: str, path: str) -> Fault | None:
        world, rng = self._world, self._world.rng
        world.steps += 1
        if self._dies(method):
            self.kill()
            fate = rng.choice(("drop_before", "drop_after", "drop_after", "late"))
            world.log(f"  killed at {method} {path}: {fate}")
            return Fault(kind=fate)
        if rng.random() < self.share:
            # One of Invoiced's own changes what a repetition may do, so it is worth many others.
            fault = FAILED if rng.random() < 0.4 else rng.choice(LOST)
            world.log(f"  {method} {path}: {fault.kind} {fault.status}")
            return fault
        return None

    def _dies(self, method: str) -> bool:
        """Whether this request is the one at which the target is killed."""
        death = self.death
        if death.writes and method != "GET":
            death.writes -= 1
            return not death.writes
        if death.requests:
            death.requests -= 1
            return not death.requests
        return False

    def kill(self) -> None:
        if self.target:
            with suppress(ProcessLookupError):
                os.kill(self.target, signal.SIGKILL)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    started = Forks(dict(os.environ))
    yield started
    started.close()


@pytest.fixture
def trouble() -> tuple[type[Trouble], type[Death]]:
    return Trouble, Death
