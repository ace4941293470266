"""Runs a pipeline of processes, and collects what they report on stderr."""

import fcntl
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

METRIC = re.compile(r"METRIC: (\{.*\})")
STOP_TIMEOUT_S = 15


@dataclass(frozen=True)
class Stage:
    """One process of a pipeline: its command, and its environment."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)


class PipelineError(Exception):
    """A process of a pipeline failed; the message has its last line."""


@dataclass
class Report:
    """What the processes reported: metric -> stream -> value, and the last line of each process."""

    metrics: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    last_lines: dict[str, str] = field(default_factory=dict)

    def total(self, metric: str) -> float:
        return sum(self.metrics[metric].values()) if metric in self.metrics else 0

    def read(self, name: str, stderr: IO[str]) -> None:
        """Copy the lines of a process to our stderr, which Dagster keeps with the step."""
        for line in stderr:
            print(f"{name}: {line}", end="", file=sys.stderr, flush=True)
            if line.strip() and not line.startswith("|"):
                self.last_lines[name] = line.strip()
            if found := METRIC.search(line):
                point = json.loads(found[1])
                stream = point["tags"].get("endpoint") or point["tags"].get("stream", "")
                self.metrics[point["metric"]][stream] = point["value"]


@contextmanager
def only_one(lock: Path) -> Iterator[IO[str]]:
    """Wait until no process of an earlier pipeline has this lock, then take it.

    The processes of a pipeline inherit the lock. If a step is killed, they may outlive it for a
    moment, and the next attempt waits for their end.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def run_pipeline(stages: Sequence[Stage], lock: Path, lines: Iterable[str] | None = None) -> Report:
    """Run the stages as in a shell pipe, and `lines` into the first one.

    Raises:
        PipelineError: if one of them fails.
    """
    report = Report()
    with only_one(lock) as held:
        processes: list[subprocess.Popen[str]] = []
        try:
            for stage in stages:
                last = stage is stages[-1]
                processes.append(_start(stage, processes, held, lines is not None, last))
            readers = [_reader(report, process) for process in processes]
            if lines is not None:
                _feed(processes[0], lines)
            codes = [process.wait() for process in processes]
            for reader in readers:
                reader.join()
        finally:
            _stop(processes)
    failed = [
        f"{_name(process)} failed ({code}): {report.last_lines.get(_name(process), 'no message')}"
        for process, code in zip(processes, codes, strict=True)
        if code != 0
    ]
    if failed:
        raise PipelineError("\n".join(failed))
    return report


def _start(
    stage: Stage,
    before: Sequence["subprocess.Popen[str]"],
    held: IO[str],
    first_reads: bool,
    last: bool,
) -> "subprocess.Popen[str]":
    stdin: IO[str] | int | None = before[-1].stdout if before else None
    if not before:
        stdin = subprocess.PIPE if first_reads else subprocess.DEVNULL
    process = subprocess.Popen(
        stage.command,
        env=stage.environment,
        stdin=stdin,
        stdout=subprocess.DEVNULL if last else subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(held.fileno(),),
        text=True,
    )
    if before and before[-1].stdout:
        before[-1].stdout.close()  # the process before is to notice if this one ends
    return process


def _reader(report: Report, process: "subprocess.Popen[str]") -> Thread:
    assert process.stderr
    thread = Thread(target=report.read, args=(_name(process), process.stderr), daemon=True)
    thread.start()
    return thread


def _feed(process: "subprocess.Popen[str]", lines: Iterable[str]) -> None:
    assert process.stdin
    try:
        for line in lines:
            process.stdin.write(line + "\n")
        process.stdin.close()
    except BrokenPipeError:
        pass  # the process has failed, and its exit code shows it


def _stop(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """After a failure here, or if Dagster stops the run: end them where nothing is cut in half."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _name(process: "subprocess.Popen[str]") -> str:
    command = process.args
    assert isinstance(command, list | tuple)
    return Path(str(command[0])).name
