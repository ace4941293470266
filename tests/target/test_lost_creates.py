"""A create whose response was lost is found again, repeated, or rejected: never doubled or lost."""

import json
import random

import pytest

from invoiced_emulator import Faults, Server
from invoiced_emulator.http.faults import Fault


class Lottery:
    """Loses the responses of creates: some after they were carried out, some before."""

    def __init__(self, seed, share=0.5, path="/payments"):
        self.random, self.share, self.path = random.Random(seed), share, path
        self.lost = 0
        self.last = None

    def next(self, method, path):
        if method != "POST" or path != self.path or self.random.random() > self.share:
            return None
        self.lost += 1
        return Fault(kind=self.random.choice(["drop_after", "drop_before"]))


@pytest.fixture
def oauth(account, run_target, singer):
    """Runs the target with an access token, with which keys protect nothing."""

    def run(messages, faults=None, **settings):
        with Server(account, faults=faults) as server:
            return run_target(
                server,
                messages,
                **{
                    "api_key": None,
                    "access_token": account.api_key,
                    "request_timeout": 0.3,
                    "max_retry_seconds": 20,
                    "ledger": "sqlite:///:memory:",
                    **settings,
                },
            )

    return run


def payments(singer, count, **more):
    return singer.stream(
        "payments", *({"customer": 5, "amount": n + 1, **more} for n in range(count)), key=()
    )


def test_of_200_creates_with_a_token_none_is_doubled_and_none_is_lost(oauth, account, singer):
    account.add("customers", id=5, name="Acme")
    lottery = Lottery(1)
    run = oauth(payments(singer, 200), lottery, max_rejects=-1)
    assert run.exit_code == 0, run.stderr
    assert lottery.lost > 50
    assert sorted(row["amount"] for row in account.objects("payments")) == list(range(1, 201))
    assert run.counts("payments")["created"] == 200


def test_equal_creates_with_a_token_are_each_written_once(oauth, account, singer):
    """Both are intended: one object is never matched with two records."""
    account.add("customers", id=5, name="Acme")
    messages = singer.stream("payments", *([{"customer": 5, "amount": 9}] * 12), key=())
    run = oauth(messages, Lottery(2), max_rejects=-1)
    written = len(account.objects("payments"))
    assert written == run.counts("payments")["created"]
    assert written + run.counts("payments").get("rejected", 0) == 12


def test_an_undecidable_create_with_a_token_is_a_reject(oauth, account, singer):
    """Somebody else writes an equal payment at the same time."""
    account.add("customers", id=5, name="Acme")

    class Twin(Lottery):
        def next(self, method, path):
            if (method, path) == ("POST", "/payments") and not self.lost:
                self.lost += 1
                account.add("payments", customer=5, amount=1)
                return Fault(kind="drop_after")
            return None

    run = oauth(payments(singer, 1), Twin(1))
    assert run.exit_code == 1
    assert "2 objects in /payments may be the one" in run.complaint
    assert len(account.objects("payments")) == 2


def test_a_numbered_create_with_a_token_is_found_by_its_number(oauth, account, singer):
    lost = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    messages = singer.stream("customers", {"name": "Acme", "number": "C-1"}, key=())
    run = oauth(messages, lost)
    assert run.exit_code == 0, run.stderr
    assert run.counts("customers")["created"] == 1
    assert len(account.objects("customers")) == 1


def test_a_call_whose_response_was_lost_is_a_reject_with_a_token(oauth, account, singer):
    """Nothing shows whether it was carried out."""
    calls = {"calls": {"method": "POST", "path": "/notes"}}
    account.add("customers", id=5, name="Acme")
    record = {"customer_id": 5, "notes": "Hello"}
    lost = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    run = oauth(singer.stream("calls", record, key=()), lost, streams=calls)
    assert run.exit_code == 1
    assert "nothing shows whether it was carried out" in run.complaint
    assert len(account.objects("notes")) == 1


@pytest.mark.parametrize(("doubt", "count"), [("send", 2), ("skip", 1)])
def test_a_call_in_doubt_follows_the_setting(oauth, account, singer, doubt, count):
    calls = {"calls": {"method": "POST", "path": "/notes", "doubt": doubt}}
    account.add("customers", id=5, name="Acme")
    record = {"customer_id": 5, "notes": "Hello"}
    lost = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    run = oauth(singer.stream("calls", record, key=()), lost, streams=calls)
    assert run.exit_code == 0, run.stderr
    assert len(account.objects("notes")) == count


def test_a_response_without_an_id_is_an_error_that_says_so(httpserver, run_target, singer):
    httpserver.expect_request("/notes", method="POST").respond_with_json({"notes": "x"}, 201)
    httpserver.expect_request("/notes", method="GET").respond_with_data(json.dumps([]))
    run = run_target(
        None,
        singer.stream("notes", {"customer_id": 5, "notes": "x"}, key=()),
        base_url=httpserver.url_for("").rstrip("/"),
    )
    assert run.exit_code == 1
    assert "the response 201 holds no `id`" in run.complaint


class Plan(Faults):
    """What happens to the next creates."""

    def __init__(self, *kinds):
        super().__init__([])
        self.kinds = list(kinds)

    def next(self, method, path):
        if method != "POST" or not self.kinds:
            return None
        kind = self.kinds.pop(0)
        return Fault(kind=kind, remembered=kind == "status")


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        pytest.param({}, None, id="equal-records"),
        pytest.param({"reference": "R-1"}, "was taken for that of another record", id="not-equal"),
    ],
)
def test_an_object_that_was_found_for_another_record_counts_once(
    run_target, account, singer, without_waits, other, reason
):
    """The first one is repeated, refused by an api_error 500, looked up, and found in the second.

    The response to the second one then shows the same object.
    """
    account.add("customers", id=5, name="Acme")
    first = singer.stream("payments", {"customer": 5, "amount": 9}, key=())
    second = singer.stream("payments", {"customer": 5, "amount": 9, **other}, key=())
    settings = {"env": without_waits, "max_rejects": -1}
    faults = Plan("drop_before", "drop_after")
    with Server(account, faults=faults) as server:
        # Equal ones are sent one after the other.
        for lost in [first, second] if other else [[*first, second[1]]]:
            run = run_target(server, lost, max_retry_seconds=0.3, max_connections=2)
            assert run.exit_code == 1
        assert len(account.objects("payments")) == 1
        faults.kinds = ["status"]
        run = run_target(server, [*first, singer.state(1)], **settings)
        assert (run.exit_code, run.messages) == (0, [1]), run.stderr
        run = run_target(server, [*second, singer.state(2)], **settings)
    assert (run.exit_code, run.messages) == (0, [2]), run.stderr
    assert len(account.objects("payments")) == (1 if reason else 2)
    assert reason is None or reason in run.stderr


REMOVED = {"id": "c", "_sdc_deleted_at": "2026-03-01T00:00:00Z"}


class Silence(Faults):
    """No create is answered, until `over`."""

    over = False

    def next(self, method, path):
        return Fault(kind="drop_after") if method == "POST" and not self.over else None


@pytest.fixture
def lose_create(run_target, account, singer, without_waits):
    """Runs the records while no create is answered, and then others."""

    def run(lost, *records, **settings):
        silence = Silence([])
        with Server(account, faults=silence) as server:
            first = run_target(server, lost, max_retry_seconds=0.3, ids="external")
            assert first.exit_code == 1
            silence.over = True
            later = singer.stream("customers", *records)
            return run_target(server, later, ids="external", env=without_waits, **settings)

    return run


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_removal_before_a_create_in_doubt_removes_nothing(lose_create, account, singer, name):
    """The input comes again from its start, and the removal with it."""
    records = [REMOVED, REMOVED, {"id": "c", "name": "A"}]
    again = [REMOVED, REMOVED, {"id": "c", "name": name}, {"id": "d", "name": "D"}]
    run = lose_create(singer.stream("customers", *records), *again)
    assert run.exit_code == 0, run.stderr
    assert run.counts("customers")["unchanged"] == 2
    assert [row["name"] for row in account.objects("customers")] == [name, "D"]


def test_a_removal_of_what_may_have_been_created_is_a_reject(lose_create, account, singer):
    lost = singer.stream("customers", {"id": "c", "name": "A"})
    run = lose_create(lost, REMOVED, max_rejects=-1)
    assert run.exit_code == 0
    assert "it is not known whether an earlier run created it" in run.stderr
    assert [row["name"] for row in account.objects("customers")] == ["A"]


def test_a_keyed_record_in_doubt_stays_in_doubt_in_the_next_run(
    oauth, account, singer, tmp_path, without_waits
):
    """A reject that comes again with the next run of a schedule is not sent as if it were new."""
    account.add("customers", id=5, name="Acme", number="C-1")
    keyed = {"id": "k", "customer": {"number": "C-1"}, "amount": 1}
    messages = singer.stream("payments", keyed)
    settings = {"ids": "external", "ledger": f"sqlite:///{tmp_path}/doubt.db", "account": "main"}
    settings["env"] = without_waits

    class Twins(Lottery):
        def next(self, method, path):
            if (method, path) == ("POST", "/payments") and not self.lost:
                self.lost += 1
                account.add("payments", customer=5, amount=1)
                account.add("payments", customer=5, amount=1)
                return Fault(kind="drop_before")
            return None

    assert oauth(messages, Twins(1), **settings).exit_code == 1
    again = oauth(messages, **settings)
    assert again.exit_code == 1
    assert "may be the one" in again.complaint
    assert len(account.objects("payments")) == 2
    decided = oauth(
        messages, **settings, streams={"payments": {"ids": "external", "doubt": "send"}}
    )
    assert decided.exit_code == 0, decided.stderr
    assert len(account.objects("payments")) == 3
