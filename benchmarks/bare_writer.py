"""What no target can beat: a writer that posts bodies and makes nothing of the answers.

Measured in a process of its own, `python -m benchmarks.bare_writer URL CONNECTIONS COUNT`.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import orjson
import urllib3

from benchmarks.accounts import Emulator
from benchmarks.customers import STREAM, customers
from benchmarks.lists import HEADERS

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BareWriter:
    """`share` is how busy the writer kept the emulator, in % of a core."""

    writes_per_s: float
    share: float


def bare_writer(url: str, connections: int, count: int, timeout_s: float) -> BareWriter:
    """Creates so many customers in the account at `url`."""
    command = [sys.executable, "-m", __name__, url, str(connections), str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=timeout_s)
    return BareWriter(**json.loads(done.stdout))


def post_all(url: str, connections: int, bodies: Iterator[bytes]) -> None:
    """Posts each body, so many at a time."""
    pool = urllib3.HTTPConnectionPool(
        urllib3.util.parse_url(url).host or "",
        urllib3.util.parse_url(url).port,
        maxsize=connections,
        timeout=TIMEOUT_S,
        headers={**HEADERS, "Content-Type": "application/json"},
    )
    lock, failures = threading.Lock(), list[Exception]()

    def work() -> None:
        try:
            while True:
                with lock:
                    body = next(bodies, None)
                if body is None:
                    return
                answer = pool.urlopen("POST", f"/{STREAM}", body=body, retries=False)
                if answer.status != 201:
                    raise OSError(f"POST /{STREAM} was answered {answer.status}")
        except Exception as failure:  # noqa: BLE001  # raised below, by the thread that waits
            failures.append(failure)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()
    if failures:
        raise failures[0]


def _measured(url: str, connections: int, count: int) -> BareWriter:
    server = Emulator(url)
    before, began = server.cpu_s, time.perf_counter()
    post_all(url, connections, (orjson.dumps(body) for body in customers(count)))
    seconds = time.perf_counter() - began
    share = 100 * (server.cpu_s - before) / seconds
    return BareWriter(writes_per_s=count / seconds, share=share)


if __name__ == "__main__":
    address, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(asdict(_measured(address, *map(int, numbers)))))
