"""A network that drops, a server that fails: nothing is doubled, nothing is lost."""

import pytest

from invoiced_emulator import Faults, Server


def test_dropped_answers_do_not_double_a_post(run_target, account, singer):
    faults = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 2}])
    with Server(account, faults=faults) as server:
        records = [{"name": name} for name in "ABC"]
        run = run_target(server, singer.stream("customers", *records), request_timeout=1)
    assert run.exit_code == 0
    assert sorted(row["name"] for row in account.objects("customers")) == ["A", "B", "C"]
    assert run.counts("customers") == {"created": 3, "retries": 2}


@pytest.mark.parametrize("seconds", [0.3, 0.9])
def test_a_post_that_goes_on_behind_a_gateway_that_gave_up_is_not_doubled(
    run_target, account, singer, seconds
):
    """A key does not protect a request from an equal one that overlaps with it."""
    faults = Faults([{"kind": "late", "seconds": seconds, "methods": ["POST"], "times": 3}])
    with Server(account, faults=faults) as server:
        records = [{"name": name} for name in "ABC"]
        run = run_target(server, singer.stream("customers", *records), request_timeout=1)
    assert run.exit_code == 0
    assert sorted(row["name"] for row in account.objects("customers")) == ["A", "B", "C"]


def test_what_keeps_failing_stops_the_run_at_the_last_safe_state(run_target, account, singer):
    faults = Faults([{"kind": "status", "status": 503, "html": True, "methods": ["POST"]}])
    with Server(account, faults=faults) as server:
        run = run_target(
            server,
            [singer.state(1), *singer.stream("customers", {"name": "A"}), singer.state(2)],
            max_retry_seconds=0.3,
            max_rejects=-1,
        )
    assert "POST /customers failed (503)" in run.complaint
    assert (run.exit_code, run.stdout) == (1, b"1\n")


def test_a_redirected_write_stops_the_run(run_target, account, server, singer):
    faults = Faults([{"kind": "redirect", "location": f"{server.url}/customers"}])
    with Server(account, faults=faults) as redirecting:
        run = run_target(redirecting, singer.stream("customers", {"name": "A"}), max_rejects=-1)
    assert "not followed" in run.complaint
    assert (run.exit_code, server.stats.requests) == (1, 0)


@pytest.mark.parametrize("kind", ["drop_after", "half_body"])
def test_a_cancellation_whose_answer_was_lost_is_done(run_target, account, singer, kind):
    customer = account.add("customers", name="Acme")["id"]
    key = account.add("subscriptions", customer=customer)["id"]
    faults = Faults([{"kind": kind, "methods": ["DELETE"], "times": 1}])
    deletion = {"id": key, "_sdc_deleted_at": "2026-03-01T00:00:00Z"}
    with Server(account, faults=faults) as server:
        run = run_target(server, singer.stream("subscriptions", deletion), request_timeout=1)
    assert run.exit_code == 0, run.stderr
    assert account.get("subscriptions", key)["status"] == "canceled"
