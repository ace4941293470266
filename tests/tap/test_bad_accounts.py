"""Keys that are refused, resources that cannot be read, and `--check`."""

import time
from collections.abc import Callable
from typing import Any

from invoiced_emulator import Account, Faults, Server

GOOD_STATE = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}


def test_a_wrong_key_stops_the_run(business_server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(business_server, api_key="wrong-key-123")
    assert run.exit_code == 1
    assert "refused (401)" in run.complaint and "Check `api_key`" in run.complaint
    assert "wrong-key-123" not in run.stderr


def test_a_canceled_account_stops_the_run_with_the_state_it_had(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.canceled_account = True
    run = run_tap(business_server, state=GOOD_STATE)
    assert run.exit_code == 1
    assert "refused (402)" in run.complaint
    assert run.state["bookmarks"] == GOOD_STATE["bookmarks"]


def test_a_forbidden_resource_that_never_synced_is_skipped_with_a_warning(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("invoices")
    run = run_tap(business_server)
    assert run.exit_code == 0
    assert "WARNING invoices: skipped" in run.stderr
    assert run.records("transactions") and not run.records("invoices")
    assert "invoices" not in run.state["bookmarks"]


def test_a_forbidden_resource_that_synced_before_lets_the_others_finish_and_fails_the_run(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("invoices")
    run = run_tap(business_server, state=GOOD_STATE)
    assert run.exit_code == 1
    assert "ERROR invoices: access was lost" in run.stderr
    assert run.records("transactions")
    assert run.state["bookmarks"]["invoices"] == GOOD_STATE["bookmarks"]["invoices"]


def test_faults_that_pass_lose_nothing(business: Account, run_tap: Callable[..., Any]) -> None:
    kinds: list[dict[str, Any]] = [
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502, "html": True},
        {"kind": "drop_before"},
        {"kind": "half_body"},
        {"kind": "garbage"},
        {"kind": "redirect", "location": "http://127.0.0.1:9/"},
    ]
    faults = Faults([{**kind, "share": 0.05, "times": 2} for kind in kinds], seed=3)
    with Server(business, faults=faults) as server:
        run = run_tap(server, page_size=10)
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count("retrying in") >= 5
    for stream in ("customers", "invoices", "subscriptions", "transactions"):
        assert sorted(run.ids(stream)) == [row["id"] for row in business.objects(stream)]


def test_check_lists_what_the_key_may_read(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    business.forbidden.add("estimates")
    run = run_tap(business_server, "--check")
    lines = run.stdout.decode().splitlines()
    assert run.exit_code == 0
    assert "customers: readable" in lines
    assert any(line.startswith("estimates: not readable, ") for line in lines)


def test_check_of_a_wrong_key_fails(business_server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(business_server, "--check", api_key="wrong-key-123")
    assert run.exit_code == 1
    assert "401" in run.complaint


def test_check_of_an_account_that_does_not_answer_ends_soon_whatever_the_timeout(
    account: Account, run_tap: Callable[..., Any]
) -> None:
    """`--check` must answer soon: a request once had its whole minute."""
    faults = Faults([{"kind": "stall", "seconds": 30}])
    with Server(account, faults=faults) as server:
        began = time.monotonic()
        run = run_tap(server, "--check", max_retry_seconds=0.5, request_timeout=60)
        assert time.monotonic() - began < 15
    assert run.exit_code == 1
    # The limits of a response and of a silence are equal here: either may pass first.
    limits = ("no complete response within 0.5 s", "no response in time")
    assert run.complaint.startswith(tuple(f"GET /tax_rates: {limit}; " for limit in limits))
    assert run.complaint.endswith("Check the network and `base_url`, or try again later.")
