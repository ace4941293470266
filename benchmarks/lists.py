"""The emulator's lists, read by nobody's tap: how long they are, and page after page as bytes."""

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timezone
from urllib.parse import urlencode, urlsplit

from benchmarks.accounts import API_KEY

PER_PAGE = 100
TIMEOUT_S = 60

KEY = base64.b64encode(f"{API_KEY}:".encode()).decode()
HEADERS = {"Authorization": f"Basic {KEY}"}


class Lists:
    """One connection to the lists of an account, which are in `updated_at` order."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._connection.close()

    def page(
        self, path: str, number: int, per_page: int = PER_PAGE, after: int = 0
    ) -> tuple[bytes, int]:
        """A page as it came, and how many objects the list has; `after` is in UNIX seconds."""
        query = {"sort": "updated_at asc", "page": number, "per_page": per_page}
        query["updated_after"] = after
        address = f"{path}{'&' if '?' in path else '?'}{urlencode(query)}"
        self._connection.request("GET", address, headers=HEADERS)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"GET {address} was answered {answer.status}")
        return body, int(answer.headers["X-Total-Count"])


def held(url: str, paths: Iterable[str], after: int = 0) -> int:
    """How many objects the lists hold that were updated after a second."""
    account = Lists(url)
    return sum(account.page(path, 1, per_page=1, after=after)[1] for path in paths)


def second_of(url: str, path: str, from_end: int) -> int:
    """The second in which the object so far from the end of a list was updated."""
    account = Lists(url)
    _, total = account.page(path, 1, per_page=1)
    (row,) = json.loads(account.page(path, max(1, total - from_end), per_page=1)[0])
    return int(row["updated_at"])


def as_date_time(second: int) -> str:
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def drain(url: str, path: str, connections: int, take: Callable[[bytes], None]) -> int:
    """Reads a list to its end, giving each page to `take` in no certain order; its length."""
    with closing(Lists(url)) as account:
        _, total = account.page(path, 1, per_page=1)
    numbers = iter(range(1, -(-total // PER_PAGE) + 1))
    lock, failures = threading.Lock(), list[Exception]()

    def work() -> None:
        try:
            with closing(Lists(url)) as account:
                while True:
                    with lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    take(account.page(path, number)[0])
        except Exception as failure:  # noqa: BLE001  # raised below, by the thread that waits
            failures.append(failure)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return total


def ids(url: str, path: str, connections: int, count: int) -> list[int]:
    """The ids of so many objects of a list."""
    found: list[int] = []

    def take(page: bytes) -> None:
        found.extend(row["id"] for row in json.loads(page))

    drain(url, path, connections, take)
    return found[:count]
