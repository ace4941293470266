"""Which stream goes to which endpoint, and with which attributes."""

import pytest

AFTER = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}


def test_streams_go_where_they_are_mapped_and_do_what_they_may(run_target, account, server, singer):
    account.add("customers", id=1, name="A", notes="N")
    run = run_target(
        server,
        [
            *singer.stream(
                "crm_accounts",
                {"name": "B", "notes": "hidden"},
                {"id": 1, "name": "C", "notes": "hidden"},
                {"id": 1, **AFTER},
            ),
            *singer.stream("customers", {"name": "D"}),
            {"type": "ACTIVATE_VERSION", "stream": "customers", "version": 1},
        ],
        streams={
            "crm_accounts": {
                "endpoint": "customers",
                "exclude": ["notes"],
                "operations": ["create", "update"],
            },
            "customers": {"operations": ["update"]},
        },
    )
    assert run.exit_code == 0
    found = [(row["name"], row["notes"]) for row in account.objects("customers")]
    assert found == [("C", "N"), ("B", None)]
    assert run.counts("crm_accounts") == {"created": 1, "updated": 1, "skipped": 1}
    assert run.counts("customers") == {"skipped": 1}


def test_a_stream_without_an_endpoint_can_be_skipped(run_target, account, server, singer):
    run = run_target(
        server,
        [
            *singer.stream("users", {"id": 1}, {"id": 2}),
            *singer.stream("customers", {"name": "A"}),
            singer.state(1),
        ],
        unknown_streams="skip",
    )
    assert (run.exit_code, run.stdout) == (0, b"1\n")
    assert run.stderr.count("WARNING users: has no endpoint, skipped") == 1
    assert run.counts("users") == {"skipped": 2}
    assert len(account.objects("customers")) == 1


def test_meltanos_own_test_stream_is_always_skipped(run_target, server, singer):
    run = run_target(server, [*singer.stream("meltano_test_stream", {"id": 1}), singer.state(1)])
    assert (run.exit_code, run.stdout, server.stats.requests) == (0, b"1\n", 0)
    assert run.stderr.count("INFO meltano_test_stream: skipped") == 1


@pytest.mark.parametrize("name", ["crm[/eu]", "crm[bold]", "crm:key:"])
def test_a_stream_is_shown_by_the_name_it_has(run_target, server, singer, name):
    """The closing table was once drawn with markup, and a name in brackets ended the run."""
    run = run_target(server, singer.stream(name, {"name": "A"}), unknown_streams="skip")
    assert run.exit_code == 0
    assert run.counts(name) == {"skipped": 1}


@pytest.mark.parametrize(("name", "shown"), [("crm|eu", "crm\\|eu"), ("crm\neu\x1b", "crm eu ")])
def test_no_name_breaks_the_closing_table(run_target, server, singer, name, shown):
    run = run_target(server, singer.stream(name, {"name": "A"}), unknown_streams="skip")
    assert run.exit_code == 0
    assert run.stderr.splitlines()[-1].startswith(f"| {shown}")


def test_an_attribute_that_invoiced_lacks_is_reported_once(run_target, account, server, singer):
    records = [{"name": "A", "colour": "red", "_sdc_batched_at": "x"}] * 2
    run = run_target(server, singer.stream("customers", *records))
    assert run.stderr.count("Invoiced has no attribute `colour`: left out") == 1
    assert "_sdc_batched_at" not in run.stderr
    assert len(account.objects("customers")) == 2
