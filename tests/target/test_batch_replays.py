"""Batches of custom calls: sent once, whichever records come again."""

import json

import pytest
from werkzeug import Response

GATEWAY = Response("<html><h1>504</h1></html>", 504, content_type="text/html")
OWN_FAILURE = Response(
    '{"type": "api_error", "message": "x"}', 500, content_type="application/json"
)


class Lists:
    """Takes lists of records, and keeps each answer under its Idempotency-Key.

    `plan` says what becomes of the next requests: "carried out", "lost" (carried out, and a gateway
    answers), "never" (a gateway answers), "failed" (Invoiced's own 500). The last one stays.
    """

    def __init__(self):
        self.plan = ["carried out"]
        self.executed = []
        self._kept = {}

    def __call__(self, request):
        key = request.headers["Idempotency-Key"]
        fate = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        if fate == "never":
            return GATEWAY
        if key not in self._kept:
            self._kept[key] = OWN_FAILURE
            if fate != "failed":
                body = json.loads(request.data)
                self.executed += [one["n"] for one in (body if isinstance(body, list) else [body])]
                self._kept[key] = Response("{}", 201, content_type="application/json")
        return GATEWAY if fate == "lost" else self._kept[key]


@pytest.fixture
def lists():
    return Lists()


@pytest.fixture
def load(run_target, httpserver, singer, lists):
    """Sends numbers to the call in batches, after a plan for the server."""

    def run(*numbers, plan=("carried out",), batch_size=3, state=None, **settings):
        lists.plan = list(plan)
        httpserver.clear_all_handlers()
        httpserver.expect_request("/lists").respond_with_handler(lists)
        own = {"method": "POST", "path": "/lists", "batch_size": batch_size}
        messages = singer.stream("own", *({"n": number} for number in numbers))
        if state is not None:
            messages.append(singer.state(state))
        return run_target(
            None,
            messages,
            base_url=httpserver.url_for("").rstrip("/"),
            streams={"own": own},
            max_connections=1,
            **settings,
        )

    return run


BROKEN = {"max_retry_seconds": 0.3}


AGAIN = {
    "one-more-amid-them": ((1, 2, 9, 3), 3),
    "smaller-batches": ((1, 2, 3), 2),
    "larger-batches": ((1, 2, 3, 9), 4),
    "one-more-before-them": ((9, 1, 2, 3), 3),
    "one-by-one-in-another-order": ((3, 2, 1), 1),
}


@pytest.mark.parametrize("how", AGAIN)
def test_a_batch_whose_answer_was_lost_is_carried_out_once(load, lists, how):
    numbers, size = AGAIN[how]
    assert load(1, 2, 3, plan=["lost"], **BROKEN).exit_code == 1
    run = load(*numbers, batch_size=size, state=1)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert sorted(lists.executed) == sorted(numbers)


@pytest.mark.parametrize(
    "how",
    [
        "one-more-amid-them",
        "smaller-batches",
        "one-by-one-in-another-order",
        "larger-batches",
        "one-more-before-them",
    ],
)
def test_a_batch_that_was_never_carried_out_is_carried_out_whole(load, lists, how):
    numbers, size = AGAIN[how]
    first = load(1, 2, 3, plan=["never"], **BROKEN)
    assert first.exit_code == 1
    run = load(*numbers, batch_size=size, state=1)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert sorted(lists.executed) == sorted(numbers)


def test_a_batch_that_failed_and_then_went_unanswered_is_sent_once(load, lists):
    """Invoiced remembers its own failure, so that the batch goes out under another key."""
    load(1, 2, 3, plan=["failed", "lost"], max_retry_seconds=2)
    assert lists.executed == [1, 2, 3]
    run = load(1, 2, 3, state=1)
    assert run.exit_code == 0, run.stderr
    assert lists.executed == [1, 2, 3]


def test_a_batch_that_failed_before_is_sent_whole_by_smaller_batches(load, lists):
    load(1, 2, 3, plan=["failed", "never"], max_retry_seconds=2)
    run = load(1, 2, 3, state=1, batch_size=2)
    assert run.exit_code == 0, run.stderr
    assert sorted(lists.executed) == [1, 2, 3]


def test_equal_records_of_a_batch_without_an_answer_are_each_carried_out(load, lists):
    load(1, 1, 2, plan=["never"], **BROKEN)
    run = load(1, 1, 1, 2, state=1)
    assert run.exit_code == 0, run.stderr
    assert sorted(lists.executed) == [1, 1, 1, 2]
