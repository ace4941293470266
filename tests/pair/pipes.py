"""`tap | target`, run again and again, and what kills it."""

import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Timer
from typing import Any

from invoiced_emulator import Account, Faults
from invoiced_emulator.http.faults import Fault

PIPE_TIMEOUT_S = 90
# How long a fuse waits for a pipe whose second process is just being started.
START_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one run of the pipe ended; the exit codes are negative after a signal."""

    tap: int
    target: int
    log: str


class Fuse(Faults):
    """Counts the requests of one server; at the chosen one it kills, and loses that request.

    To be given to the server as `before_request` and as `faults`.
    """

    def __init__(self) -> None:
        super().__init__([])
        self.burnt = 0
        self._left = 0
        self._burn: Callable[[], None] | None = None
        self._fault: Fault | None = None

    def light(self, requests: int, burn: Callable[[], None], fault: Fault | None = None) -> None:
        self._left, self._burn, self._spoil = requests, burn, fault

    def put_out(self) -> None:
        self._burn = None

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        self._left -= 1
        if self._burn is not None and self._left <= 0:
            burn, self._burn, self._fault = self._burn, None, self._spoil
            self.burnt += 1
            burn()

    def next(self, method: str, path: str) -> Fault | None:
        fault, self._fault = self._fault, None
        return fault


@dataclass(kw_only=True)
class Pipe:
    """`tap | target`, run again and again, each time from the last whole STATE that came out.

    `states` are those of the latest run.
    """

    tap: list[str]
    target: list[str]
    environment: dict[str, str]
    folder: Path
    state: Any = None
    states: list[Any] = field(default_factory=list)
    on_state: Callable[[], None] = field(default=lambda: None)
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _started: Event = field(default_factory=Event)

    def kill(self, *whom: str) -> None:
        """SIGKILL for "tap", "target" or both; to be called while the pipe runs."""
        assert self._started.wait(START_TIMEOUT_S)
        for name in whom:
            self._running[name].kill()

    def run(self) -> Ended:
        """Waits until both processes have ended."""
        tap, self.states = list(self.tap), []
        if self.state is not None:
            (self.folder / "state.json").write_text(json.dumps(self.state))
            tap += ["--state", str(self.folder / "state.json")]
        with (self.folder / "pipe.log").open("w+b") as log, ExitStack() as room:
            upstream = self._start("tap", tap, room, stderr=log, stdin=subprocess.DEVNULL)
            downstream = self._start("target", self.target, room, stderr=log, stdin=upstream.stdout)
            assert upstream.stdout is not None and downstream.stdout is not None
            upstream.stdout.close()  # the target's alone now
            self._started.set()
            watchdog = Timer(PIPE_TIMEOUT_S, self.kill, ("tap", "target"))
            watchdog.start()
            for line in downstream.stdout:
                if line.endswith(b"\n"):
                    self.state = json.loads(line)
                    self.states.append(self.state)
                    self.on_state()
            codes = {name: process.wait() for name, process in self._running.items()}
            watchdog.cancel()
            watchdog.join()
            self._started.clear()
            log.seek(0)
            return Ended(**codes, log=log.read().decode())

    def _start(
        self, name: str, command: list[str], room: ExitStack, **files: Any
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=self.environment, **files)
        room.callback(_end, process)
        self._running[name] = process
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
