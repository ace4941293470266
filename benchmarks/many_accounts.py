"""`make bench-accounts`: many accounts through a shell loop and through Dagster.

Both load the same emulators with the same commands, four accounts at a time. Dagster also runs the
second asset, checks, and keeps what it shows. Prints a table in Markdown.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "dagster"))

import demo
import services

AT_A_TIME = 4  # as max_concurrent_runs in dagster.yaml
SAMPLE_EVERY_S = 1.0
TIMEOUT_PER_ACCOUNT_S = 60
LOAD = """
export TAP_INVOICED_API_KEY="key-of-$1" TAP_INVOICED_BASE_URL="$2" TAP_INVOICED_ACCOUNT="$1"
export TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="$1"
tap-invoiced --state "$INVOICED_DATABASE" | target-postgres --config=ENV \
  | singer-invoiced state save "$INVOICED_DATABASE" --account "$1"
"""


@dataclass
class Measured:
    """What a backfill took, of all processes but PostgreSQL's and the emulators'."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0


def descendants(root: int) -> Iterator[int]:
    """Processes below `root`, but for those of PostgreSQL."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            head, _, rest = (folder / "stat").read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        parents[int(folder.name)] = int(rest.split()[1])
        names[int(folder.name)] = head.partition("(")[2]
    for process in parents:
        above = process
        while above in parents and above != root:
            above = parents[above]
        if above == root and process != root and names[process] != "postgres":
            yield process


def memory_mb(processes: Iterator[int]) -> float:
    """Their memory, with what several share counted once (PSS)."""
    total_kb = 0
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def memory_sampled(measured: Measured) -> Iterator[None]:
    """Keep the highest memory of all processes below this one."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_EVERY_S):
            measured.peak_mb = max(measured.peak_mb, memory_mb(descendants(os.getpid())))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def through_dagster(names: Sequence[str]) -> Measured:
    measured, before = Measured(), cpu_s()
    with tempfile.TemporaryDirectory() as folder, demo.everything(Path(folder), names) as running:
        with memory_sampled(measured):
            began = time.monotonic()
            running.backfill(names, "all")
            runs = running.wait_for_runs(len(names), TIMEOUT_PER_ACCOUNT_S * len(names))
            measured.wall_s = time.monotonic() - began
        if any(run["status"] != "SUCCESS" for run in runs):
            raise services.NotStartedError("a run failed")
    measured.cpu_s = cpu_s() - before
    return measured


def through_a_loop(names: Sequence[str]) -> Measured:
    """Load the accounts one after the other, as a shell script does."""
    measured = Measured()
    with services.postgresql() as postgres, demo.emulators(names) as servers:
        demo.create_databases(postgres)
        url = f"{postgres}/invoiced"
        variables = {
            "INVOICED_DATABASE": url,
            "TARGET_POSTGRES_SQLALCHEMY_URL": url,
            "TAP_INVOICED_START_DATE": "2010-01-01",
            "TAP_INVOICED_CAPTURE_DELETES": "true",
            "TAP_INVOICED_VERIFY": "true",
        }
        lines = "".join(f"{name} {server.url}\n" for name, server in servers.items())
        loop = ["xargs", "-P", str(AT_A_TIME), "-L", "1", "bash", "-o", "pipefail", "-c", LOAD, "_"]
        before = cpu_s()
        with memory_sampled(measured):
            began = time.monotonic()
            subprocess.run(
                loop,
                input=lines.encode(),
                env={**os.environ, **variables},
                stderr=subprocess.DEVNULL,
                check=True,
                timeout=TIMEOUT_PER_ACCOUNT_S * len(names),
            )
            measured.wall_s = time.monotonic() - began
        measured.cpu_s = cpu_s() - before
    return measured


def main() -> int:
    """Measure each way with each number of accounts. Returns the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, nargs="+", default=[4, 24])
    options = arguments.parse_args()
    path = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([*map(str, services.COMMANDS), path])
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| way | accounts | wall, s | CPU, s | peak memory, MB |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for name, way in (("shell loop", through_a_loop), ("Dagster", through_dagster)):
        for number in options.accounts:
            one = way(demo.account_names(number))
            figures = f"{one.wall_s:.0f} | {one.cpu_s:.0f} | {one.peak_mb:.0f}"
            print(f"| {name} | {number} | {figures} |", flush=True)
    print(f"\nload of the machine after: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
