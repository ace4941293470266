"""One child process from start to end: what it wrote, how long it took, what it used."""

import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

LAUNCHER = Path(__file__).with_name("launcher.py")

# Both taps write the type as the first attribute, one after a space and one without.
RECORD = b'"RECORD"'
PIPE_BYTES = 1024 * 1024
LOG_LINES_SHOWN = 5
GRACE_S = 10


class RunFailedError(Exception):
    """A measured command did not end well, or not in time; the message says what it logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command, its start included. `peak_mb` is in 10^6 bytes."""

    records: int
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def records_per_s(self) -> float:
        return self.records / self.seconds

    @property
    def cpu_us_per_record(self) -> float:
        return self.cpu_s / self.records * 1e6


def measured(
    command: Sequence[str],
    timeout_s: float,
    feed: Iterable[bytes] | None = None,
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Run:
    """Runs a command to its end, counting the RECORD messages on its stdout as they come.

    It reads `feed` from its stdin, which is made as it is read.
    """
    with tempfile.NamedTemporaryFile() as result, tempfile.TemporaryFile() as log:
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), result.name, str(timeout_s)]
        with subprocess.Popen(
            [*launch, *command],
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=environ,
            bufsize=0,
            pipesize=PIPE_BYTES,  # with the usual 64 KB, writer and reader wait for each other
        ) as process:
            writer = threading.Thread(target=_write, args=(process.stdin, feed or ()), daemon=True)
            if feed is not None:
                writer.start()
            assert process.stdout is not None
            records = _count(process.stdout)
            process.wait(GRACE_S)
            if feed is not None:
                writer.join(GRACE_S)  # before its pipe is closed behind its back
        used = json.load(result)
        if used.pop("exit_code"):
            raise RunFailedError(_story(command, used["seconds"], log))
    return Run(records=records, **used)


def middle(runs: Sequence[Run]) -> Run:
    """The run of median duration."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]


def seconds_to_end(command: Sequence[str | Path], times: int, timeout_s: float) -> float:
    """The median duration of a command that prints little."""
    durations = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=timeout_s)
        durations.append(time.perf_counter() - began)
    return median(durations)


def _write(stdin: Any, feed: Iterable[bytes]) -> None:
    """All of it, unless the command ends before."""
    with suppress(BrokenPipeError), io.BufferedWriter(stdin, PIPE_BYTES) as pipe:
        pipe.writelines(feed)


def _count(stdout: IO[Any]) -> int:
    """How many records went by. Costs about a second of another core per 2 GB."""
    records, edge = 0, b""
    while chunk := stdout.read(PIPE_BYTES):
        seen = edge + chunk
        records += seen.count(RECORD)
        edge = seen[1 - len(RECORD) :]  # too short to be counted twice
    return records


def _story(command: Sequence[str], seconds: float, log: IO[bytes]) -> str:
    log.seek(0)
    last = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join([f"{' '.join(command)} failed after {seconds:.0f} s:", *last])
