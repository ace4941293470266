"""Accounts to read: emulators of the sizes and latencies that are measured."""

import json
import select
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

COMMAND = Path(sys.executable).with_name("invoiced-emulator")
API_KEY = "emulator-key"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10


class NoAccountError(Exception):
    """An emulator did not start; the message says how it was to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is in an account: whole customers with all their business, and bulk beside it."""

    customers: int = 0
    bulk_customers: int = 0
    bulk_invoices: int = 0

    @property
    def arguments(self) -> list[str]:
        return [
            *("--customers", str(self.customers)),
            *("--bulk-customers", str(self.bulk_customers)),
            *("--bulk-invoices", str(self.bulk_invoices)),
        ]


@dataclass(frozen=True, slots=True)
class Emulator:
    """One that is running, alone in its process."""

    url: str

    @property
    def cpu_s(self) -> float:
        """CPU seconds since it started, those of its start included."""
        return float(self._stats()["cpu_seconds"])

    @property
    def requests(self) -> int:
        """Requests since it started, those for its figures not counted."""
        return int(self._stats()["requests"])

    def _stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_emulator/stats", timeout=10) as answer:
            stats: dict[str, Any] = json.load(answer)
        return stats


@contextmanager
def emulator(size: Size, latency_ms: int) -> Iterator[Emulator]:
    """An account, served from `with` to its end; every answer is held back for `latency_ms`."""
    command = [str(COMMAND), "--port", "0", "--latency-ms", str(latency_ms), *size.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Emulator(_address(process.stdout, command))
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(stdout: IO[bytes], command: list[str]) -> str:
    """The URL on the line that an emulator prints once it listens."""
    ready, _, _ = select.select([stdout], [], [], START_TIMEOUT_S)
    words = stdout.readline().decode().split() if ready else []
    for word in words:
        if word.startswith("http://"):
            return word
    raise NoAccountError(f"{' '.join(command)} did not start within {START_TIMEOUT_S} s")
