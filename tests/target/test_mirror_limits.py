"""A mirror removes what a new version of a table lacks, and never more than that."""

import pytest

MIRROR = {"streams": {"customers": {"mirror": True}}}


@pytest.fixture
def load(run_target, server):
    def run(*messages, **settings):
        return run_target(server, list(messages), **{"ids": "external", **MIRROR, **settings})

    return run


def rows(*keys):
    return [{"id": str(key), "name": f"N{key}"} for key in keys]


def names(account):
    return sorted(row["name"] for row in account.objects("customers"))


def activate(version):
    return {"type": "ACTIVATE_VERSION", "stream": "customers", **version}


# ACTIVATE_VERSION before its records


def opened(singer, number, *records):
    """A version as taps of databases write a first one: activated, read, activated again."""
    schema, *messages = singer.version("customers", number, *records)
    return [schema, activate({"version": number}), *messages]


@pytest.mark.parametrize("closed", [True, False], ids=["closed-again", "not-closed"])
def test_a_version_that_is_activated_before_its_records_removes_nothing(
    load, singer, account, closed
):
    load(*opened(singer, 1, *rows(1, 2, 3)))
    made = {row["id"] for row in account.objects("customers")}
    second = opened(singer, 2, *rows(1, 2, 3))
    run = load(*(second if closed else second[:-1]), singer.state(1))
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert {row["id"] for row in account.objects("customers")} == made


def test_what_an_opened_version_lacks_is_removed_when_it_is_activated_again(load, singer, account):
    load(*opened(singer, 1, *rows(*range(9))))
    made = {row["name"]: row["id"] for row in account.objects("customers")}
    run = load(*opened(singer, 2, *rows(*range(8))))
    assert run.counts("customers") == {"unchanged": 8, "deleted": 1}
    assert names(account) == [f"N{key}" for key in range(8)]
    assert {made[name] for name in names(account)} == {
        row["id"] for row in account.objects("customers")
    }


def test_a_run_that_dies_after_it_opened_a_version_removes_nothing(load, singer, account):
    load(*singer.version("customers", 1, *rows(1, 2)))
    load(*opened(singer, 2)[:2])
    assert names(account) == ["N1", "N2"]


# Versions that say nothing


@pytest.mark.parametrize(
    "version",
    [
        pytest.param({"version": 2}, id="without-records"),
        pytest.param({}, id="missing"),
        pytest.param({"version": None}, id="null"),
    ],
)
def test_a_version_without_records_removes_nothing(load, singer, account, version):
    load(*singer.version("customers", 1, *rows(1, 2)))
    schema, *_ = singer.version("customers", 2)
    run = load(schema, activate(version), singer.state(1))
    assert names(account) == ["N1", "N2"]
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert any("customers" in line and "ACTIVATE_VERSION" in line for line in warnings(run))


def warnings(run):
    return [line for line in run.stderr.splitlines() if line.startswith(("WARNING", "INFO"))]


# A mirror that is turned on later


def test_the_first_version_of_a_mirror_does_not_remove_what_was_there_before(load, singer, account):
    load(*singer.stream("customers", *rows(1, 2, 3)), streams={})
    run = load(*singer.version("customers", 7, *rows(1)))
    assert run.exit_code == 0, run.stderr
    assert names(account) == ["N1", "N2", "N3"]


def test_versions_before_the_mirror_was_turned_on_do_not_count(load, singer, account):
    load(*singer.version("customers", 7, *rows(1, 2, 3)), streams={})
    run = load(*singer.version("customers", 7, *rows(1)))
    assert run.exit_code == 0, run.stderr
    assert names(account) == ["N1", "N2", "N3"]


def test_a_version_that_is_activated_again_removes_nothing(load, singer, account):
    """Later runs of a log-based table bring changed rows of the same version."""
    load(*singer.version("customers", 7, *rows(1, 2, 3)))
    run = load(*singer.version("customers", 7, {"id": "1", "name": "Changed"}))
    assert run.exit_code == 0, run.stderr
    assert names(account) == ["Changed", "N2", "N3"]


# How much


def test_a_version_that_lacks_most_stops_the_run_before_anything_is_removed(load, singer, account):
    load(*singer.version("customers", 1, *rows(*range(100))))
    run = load(*singer.version("customers", 2, *rows(*range(40))), singer.state(1))
    assert (run.exit_code != 0, run.messages) == (True, [])
    assert "60" in run.complaint
    assert "`mirror_limit`" in run.complaint
    assert len(names(account)) == 100


@pytest.mark.parametrize(
    ("were", "are"),
    [
        pytest.param(100, 70, id="thirty-percent"),
        pytest.param(9, 2, id="of-fewer-than-ten"),
    ],
)
def test_a_version_that_lacks_little_removes_that(load, singer, account, were, are):
    load(*singer.version("customers", 1, *rows(*range(were))))
    run = load(*singer.version("customers", 2, *rows(*range(are))))
    assert run.exit_code == 0, run.stderr
    assert len(names(account)) == are


def test_a_limit_allows_more(load, singer, account):
    load(*singer.version("customers", 1, *rows(*range(20))))
    load(*singer.version("customers", 2, *rows(1)))
    assert len(names(account)) == 20
    run = load(*singer.version("customers", 3, *rows(1)), mirror_limit=95)
    assert run.exit_code == 0, run.stderr
    assert names(account) == ["N1"]


# Children


def test_a_mirror_removes_children_whose_key_does_not_name_the_parent(load, singer, account):
    streams = {"streams": {"contacts": {"mirror": True}}}
    load(*singer.stream("customers", {"id": "c", "name": "C"}), streams={})
    one, two = ({"id": key, "customer": "c", "name": key} for key in ("one", "two"))
    load(*singer.version("contacts", 1, one, two), **streams)
    run = load(*singer.version("contacts", 2, one), **streams)
    assert run.exit_code == 0, run.stderr
    assert [row["name"] for row in account.objects("contacts")] == ["one"]


# What a hand made


@pytest.mark.parametrize("resource", ["invoices", "estimates", "credit_notes"])
def test_a_void_record_leaves_a_live_document_of_its_number_alone(
    run_target, server, singer, account, resource
):
    account.add("customers", id=5, name="A", number="C-1")
    account.add(resource, id=7, customer=5, number="X-1", items=[{"unit_cost": 1, "quantity": 1}])
    before = account.get(resource, 7)
    record = {"id": "k", "customer": {"number": "C-1"}, "number": "X-1", "status": "voided"}
    record["items"] = [{"unit_cost": 1, "quantity": 1}]
    run = run_target(server, singer.stream(resource, record), ids="external", max_rejects=-1)
    assert account.get(resource, 7) == before
    assert run.counts(resource) == {"rejected": 1}
