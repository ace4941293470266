"""Nothing is lost: whatever is edited, created or deleted while the tap reads."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from invoiced_emulator import Account, Server

STREAMS = (
    "customers",
    "subscriptions",
    "invoices",
    "estimates",
    "credit_notes",
    "transactions",
)
LONG_AGO = 1_700_000_000
PAGE_SIZE = 50


def crowd(account: Account, stream: str, clock: Any) -> None:
    """500 objects: 300 of one second, the others over a few hours, some of them sharing seconds."""
    customer = account.add("customers", name="Acme", updated_at=LONG_AGO)["id"]
    own: dict[str, Any] = {} if stream == "customers" else {"customer": customer}
    rng = random.Random(stream)
    crowded_second = clock.seconds - 7_200
    for number in range(500):
        spread = crowded_second + rng.randrange(-3_600, 3_600, 30)
        account.add(stream, updated_at=crowded_second if number < 300 else spread, **own)


class Colleagues:
    """Edits and deletes objects before each request, in a second that moves on.

    Subscriptions move between lists as at Invoiced, to a later one.
    """

    def __init__(self, stream: str, clock: Any, seed: int) -> None:
        self._stream, self._clock, self._rng = stream, clock, random.Random(seed)

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        self._clock.seconds += self._rng.choice((0, 0, 1))
        rows = {row["id"]: row for row in account.objects(self._stream)}
        ids = list(rows)
        for key in self._rng.sample(ids, 3):
            account.edit(self._stream, key, **self._change(rows[key]))
        if number % 3 == 0:
            account.remove(self._stream, self._rng.choice(ids))

    def _change(self, row: dict[str, Any]) -> dict[str, Any]:
        change: dict[str, Any] = {"metadata": {"touched": "yes"}}
        if self._stream == "subscriptions" and self._rng.random() < 0.3:
            moved = self._rng.choice(("canceled", "finished"))
            if row["status"] != "finished":
                change["status"] = moved
        return change


def survivors(account: Account, stream: str, before: set[int]) -> set[int]:
    return before & {row["id"] for row in account.objects(stream)}


def ids_of(account: Account, stream: str) -> set[int]:
    return {row["id"] for row in account.objects(stream)}


def paged_by_number(server: Server, stream: str) -> set[int]:
    """What a reader gets that requests page after page of the sorted lists."""
    seen: set[int] = set()
    lists: list[dict[str, str]] = [{}]
    if stream == "subscriptions":
        lists += [{"canceled": "1"}, {"finished": "1"}]
    with requests.Session() as session:
        session.auth = ("emulator-key", "")
        for query in lists:
            for page in range(1, 100):
                params = {**query, "sort": "updated_at asc", "page": page, "per_page": PAGE_SIZE}
                rows = session.get(f"{server.url}/{stream}", params=params, timeout=10).json()
                seen |= {row["id"] for row in rows}
                if not rows:
                    break
    return seen


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stream", STREAMS)
def test_every_object_that_lives_through_the_run_is_emitted(
    stream: str,
    seed: int,
    account: Account,
    clock: Any,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
) -> None:
    crowd(account, stream, clock)
    before = ids_of(account, stream)
    with Server(account, before_request=Colleagues(stream, clock, seed)) as server:
        run = run_tap(server, catalog=catalog_of(stream), page_size=PAGE_SIZE)
    assert run.exit_code == 0, run.stderr
    assert survivors(account, stream, before) - set(run.ids(stream)) == set()
    versions = [record["updated_at"] for record in run.records(stream)]
    assert versions == sorted(versions), "records come in the order of their changes"


@pytest.mark.parametrize("seconds_late", [0, 59])
def test_a_subscription_that_moves_back_to_a_list_already_read_is_emitted_by_the_next_run(
    seconds_late: int,
    account: Account,
    clock: Any,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
) -> None:
    """It moves after the clock was read, or its change is committed as late as the lookback covers.

    No bookmark passes that.
    """
    customer = account.add("customers", name="Acme", updated_at=LONG_AGO)["id"]
    key = account.add("subscriptions", customer=customer, status="finished", updated_at=LONG_AGO)[
        "id"
    ]
    for _ in range(PAGE_SIZE + 1):  # too many for the lists to be requested all at once
        account.add("subscriptions", customer=customer, updated_at=LONG_AGO)
    moves: list[str] = []

    def move_back(account: Account, number: int, method: str, path: str) -> None:
        """After the rows of the list of canceled ones were read, before the finished ones."""
        last = server.requests[-1].path if server.requests else ""
        query = parse_qs(urlsplit(last).query)
        reads_rows = query.get("per_page") == [str(PAGE_SIZE)]
        # What is late belongs to the last window; what is not is read in the tail, after that.
        since = int(query.get("updated_after", ["0"])[0])
        reads_rows &= (since > LONG_AGO) and (bool(seconds_late) or since == clock.seconds - 1)
        if reads_rows and "canceled" in query and "finished" not in query and not moves:
            moves.append(last)
            stamp = clock.seconds - seconds_late
            account.edit("subscriptions", key, status="canceled", updated_at=stamp)

    settings = {"catalog": catalog_of("subscriptions"), "page_size": PAGE_SIZE}
    with Server(account, before_request=move_back) as server:
        run = run_tap(server, max_connections=1, **settings)
        following = run_tap(server, state=run.state, **settings)
    assert (run.exit_code, following.exit_code) == (0, 0), run.stderr + following.stderr
    assert moves
    assert "canceled" not in {row["status"] for row in run.records("subscriptions")}
    assert [row["status"] for row in following.records("subscriptions")] == ["canceled"]


@pytest.mark.parametrize("stream", STREAMS)
def test_turning_pages_would_have_lost_some(stream: str, account: Account, clock: Any) -> None:
    """The same account and edits: a plain reader does lose rows."""
    crowd(account, stream, clock)
    before = ids_of(account, stream)
    with Server(account, before_request=Colleagues(stream, clock, seed=1)) as server:
        seen = paged_by_number(server, stream)
    assert survivors(account, stream, before) - seen != set()


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_a_server_that_ignores_sort_loses_nothing(
    page_size: int, account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """In id order, the first ids are those that changed last: by the time, they come in reverse."""
    account.ignores_sort = True
    for number in range(120):
        account.add("customers", name=f"No. {number}", updated_at=clock.seconds - 600 - number)
    run = run_tap(server, page_size=page_size)
    assert run.exit_code == 0, run.stderr
    assert set(run.ids("customers")) == ids_of(account, "customers")
    assert run.ids("customers") == sorted(ids_of(account, "customers"), reverse=True)


def test_a_server_that_ignores_sort_and_shows_an_ordered_first_page_loses_nothing(
    account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """Its first page rises by chance; what follows on the next is older than all of it."""
    account.ignores_sort = True
    for number in range(100):
        account.add("customers", name=f"No. {number}", updated_at=clock.seconds - 600 + number)
    for number in range(100):
        account.add("customers", name=f"Old {number}", updated_at=clock.seconds - 9_000 + number)
    assert set(run_tap(server).ids("customers")) == ids_of(account, "customers")


def test_a_whole_second_of_more_than_a_page_is_read_while_it_empties(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Each request finds the earliest row of the crowded second moved away: every page shifts."""
    second = clock.seconds - 1_000
    ids = [account.add("customers", name="Acme", updated_at=second)["id"] for _ in range(300)]
    leaving = iter(ids)

    def leave(account: Account, number: int, method: str, path: str) -> None:
        account.edit("customers", next(leaving), notes="moved")

    with Server(account, before_request=leave) as server:
        run = run_tap(server, page_size=40, catalog=catalog_of("customers"))
    assert set(run.ids("customers")) == set(ids)


def test_a_change_committed_late_is_read_by_the_next_run(
    account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    account.add("customers", name="Acme", updated_at=clock.seconds - 500)
    first = run_tap(server)
    late = account.add("customers", name="Late", updated_at=clock.seconds - 30)["id"]
    clock.seconds += 100
    second = run_tap(server, state=first.state)
    assert second.ids("customers") == [late]


def test_an_object_of_the_bookmark_second_is_not_lost(
    account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    bookmark = clock.seconds - 5_000
    account.add("invoices", id=1, updated_at=bookmark)
    state = {"bookmarks": {"invoices": {"updated_at": bookmark}}}
    assert run_tap(server, state=state).ids("invoices") == [1]


def test_no_bookmark_passes_the_lookback(
    account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """An object of this very second is emitted, and the bookmark still stays a minute behind."""
    account.add("customers", name="Acme", updated_at=clock.seconds)
    run = run_tap(server)
    assert run.ids("customers")
    assert run.state["bookmarks"]["customers"]["updated_at"] == "2026-03-01T11:59:00Z"


def test_a_quiet_second_run_emits_nothing_but_the_lookback(
    business: Account, business_server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    first = run_tap(business_server)
    assert all(first.records(stream) for stream in STREAMS)
    recent = business.add("customers", name="Recent", updated_at=clock.seconds - 10)["id"]
    clock.seconds += 1
    second = run_tap(business_server, state=first.state)
    assert {stream: second.ids(stream) for stream in STREAMS} == {
        stream: [recent] if stream == "customers" else [] for stream in STREAMS
    }


def test_canceled_and_finished_subscriptions_are_emitted(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    emitted = run_tap(business_server).records("subscriptions")
    statuses = {record["status"] for record in emitted}
    assert {"active", "canceled", "finished"} <= statuses
    assert {record["id"] for record in emitted} == ids_of(business, "subscriptions")


def test_a_subscription_canceled_between_two_lists_is_emitted(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """It leaves the plain list before that is read, and enters another that was read already."""
    customer = account.add("customers", name="Acme", updated_at=LONG_AGO)["id"]
    ids = [
        account.add("subscriptions", customer=customer, updated_at=LONG_AGO + number)["id"]
        for number in range(40)
    ]

    def cancel_the_last(account: Account, number: int, method: str, path: str) -> None:
        clock.seconds += 1
        active = [
            row["id"] for row in account.objects("subscriptions") if row["status"] == "active"
        ]
        if "subscriptions" in path and active:
            account.edit("subscriptions", active[-1], status="canceled")

    with Server(account, before_request=cancel_the_last) as server:
        run = run_tap(server, page_size=5, catalog=catalog_of("subscriptions"))
    assert set(run.ids("subscriptions")) == set(ids)


def test_no_state_passes_an_object_that_was_not_emitted_before_it(
    account: Account, server: Server, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """At each STATE, whatever changed before the bookmark's second has come out already."""
    for number in range(2_000):
        account.add("customers", name="Acme", updated_at=clock.seconds - number // 3)
    run = run_tap(server)
    emitted: set[tuple[str, int]] = set()
    states = 0
    for message in run.messages:
        if message["type"] == "RECORD":
            emitted.add((message["stream"], message["record"]["id"]))
        elif message["type"] == "STATE":
            states += 1
            for stream, mark in message["value"]["bookmarks"].items():
                second = datetime.fromisoformat(mark["updated_at"].replace("Z", "+00:00"))
                for row in account.objects(stream):
                    passed = row["updated_at"] < second.timestamp()
                    assert not passed or (stream, row["id"]) in emitted
    assert states > len(STREAMS) + 3, "some of them in the middle of a stream"
