"""What no tap can beat: a reader that makes nothing of the bytes, and the orjson floor of them.

Measured in a process of its own, `python -m benchmarks.bare URL PATH`: what is kept here for the
floor must not count as the memory of a tap, and a reader needs the interpreter for itself.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from benchmarks.accounts import Emulator
from benchmarks.lists import drain

CONNECTIONS = 4  # more only make its threads wait for each other
PAGES_FOR_FLOOR = 200
PASSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """`share` is how busy the reader kept the emulator, in % of a core."""

    rows_per_s: float
    share: float
    floor_us: float


def bare_reader(url: str, path: str, timeout_s: float) -> Bare:
    """Drains a list of the account at `url` twice, and measures the second time."""
    command = [sys.executable, "-m", __name__, url, path]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=timeout_s)
    return Bare(**json.loads(done.stdout))


def floor_us(pages: Sequence[bytes]) -> float:
    """CPU microseconds per record to parse and re-serialise with orjson, a page in hand."""
    return min(_pass_s(pages) for _ in range(PASSES)) * 1e6


def _pass_s(pages: Sequence[bytes]) -> float:
    records = 0
    began = time.process_time()
    for page in pages:
        records += len([orjson.dumps(row) for row in orjson.loads(page)])
    return (time.process_time() - began) / records


def _measured(url: str, path: str) -> Bare:
    kept: list[bytes] = []

    def keep_some(page: bytes) -> None:
        if len(kept) < PAGES_FOR_FLOOR:
            kept.append(page)

    drain(url, path, CONNECTIONS, keep_some)
    server = Emulator(url)
    before, began = server.cpu_s, time.perf_counter()
    rows = drain(url, path, CONNECTIONS, lambda page: None)
    seconds = time.perf_counter() - began
    share = 100 * (server.cpu_s - before) / seconds
    return Bare(rows_per_s=rows / seconds, share=share, floor_us=floor_us(kept))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_measured(*sys.argv[1:]))))
