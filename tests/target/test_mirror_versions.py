"""ACTIVATE_VERSION removes objects that an earlier version had and a complete one lacks."""

import sqlite3
from contextlib import closing

import pytest

MIRROR = {"ids": "external", "streams": {"customers": {"mirror": True}}}
PLAIN = {"ids": "external"}


def rows(count, start=0):
    return [{"id": f"k{n}", "name": f"N{n}"} for n in range(start, start + count)]


def activate(version, stream="customers"):
    message = {"type": "ACTIVATE_VERSION", "stream": stream}
    return message if version == "missing" else {**message, "version": version}


def records(singer, version, *given, stream="customers", key=("id",)):
    return [
        singer.schema(stream, key=key),
        *({**singer.record(stream, **one), "version": version} for one in given),
    ]


@pytest.fixture
def load(run_target, server, singer):
    """Runs messages, with a STATE at their end, into the mirror."""

    def run(*messages, **settings):
        return run_target(server, [*messages, singer.state({"done": 1})], **{**MIRROR, **settings})

    return run


@pytest.fixture
def mirrored(load, singer):
    """Nine objects of version 1."""
    run = load(*records(singer, 1, *rows(9)), activate(1))
    assert run.exit_code == 0, run.stderr


def test_a_version_that_is_activated_before_its_records_is_only_opened(
    load, singer, account, mirrored
):
    new = records(singer, 2, *rows(5))
    opened = load(new[0], activate(2), *new[1:])
    assert (opened.exit_code, len(account.objects("customers"))) == (0, 9)
    closed = load(new[0], activate(2), *new[1:], activate(2))
    assert (closed.exit_code, len(account.objects("customers"))) == (0, 5)


def test_a_version_that_was_begun_by_a_run_that_died_is_only_opened_by_the_next(
    load, singer, account, mirrored
):
    """Its second half is yet to come: what the first half left behind stays."""
    first, second = rows(4), rows(4, 4)
    assert load(*records(singer, 2, *first)).exit_code == 0
    head, *rest = records(singer, 2, *second)
    assert load(head, activate(2), *rest).exit_code == 0
    assert len(account.objects("customers")) == 9
    assert load(head, *rest, activate(2)).exit_code == 0
    assert len(account.objects("customers")) == 8


@pytest.mark.parametrize("version", [2, None, "missing", 1, 0])
def test_a_version_without_a_record_removes_nothing(load, singer, account, mirrored, version):
    run = load(singer.schema("customers"), activate(version))
    assert (run.exit_code, len(account.objects("customers"))) == (0, 9)
    assert "removes nothing" in run.stderr or "nothing is removed" in run.stderr


def test_the_same_version_again_removes_nothing(load, singer, account, mirrored):
    run = load(*records(singer, 1, *rows(1)), activate(1))
    assert (run.exit_code, len(account.objects("customers"))) == (0, 9)


def test_an_older_version_removes_nothing(load, singer, account):
    load(*records(singer, 5, *rows(9)), activate(5))
    run = load(*records(singer, 4, *rows(2)), activate(4))
    assert (run.exit_code, len(account.objects("customers"))) == (0, 9)
    assert "older than version 5" in run.stderr


def test_objects_from_before_the_mirror_belong_to_no_version(
    load, run_target, server, singer, account
):
    assert run_target(server, singer.stream("customers", *rows(9)), **PLAIN).exit_code == 0
    for version in (1, 2):
        run = load(*records(singer, version, *rows(3)), activate(version))
        assert (run.exit_code, len(account.objects("customers"))) == (0, 9)
    # What a version had belongs to it from then on.
    load(*records(singer, 3, *rows(2)), activate(3))
    assert len(account.objects("customers")) == 8


def test_too_many_removals_stop_the_run_before_the_first_one(load, singer, account):
    load(*records(singer, 1, *rows(100)), activate(1))
    run = load(*records(singer, 2, *rows(40)), activate(2))
    assert run.exit_code == 1
    assert "would remove 60 of its 100 objects" in run.complaint
    assert "`mirror_limit`" in run.complaint
    assert (len(account.objects("customers")), run.messages) == (100, [])
    allowed = load(*records(singer, 2, *rows(40)), activate(2), mirror_limit=60)
    assert (allowed.exit_code, len(account.objects("customers"))) == (0, 40)


def test_a_stream_may_have_a_limit_of_its_own(load, singer, account):
    load(*records(singer, 1, *rows(20)), activate(1))
    own = {"customers": {"mirror": True, "mirror_limit": 5}}
    run = load(*records(singer, 2, *rows(18)), activate(2), streams=own)
    assert (run.exit_code, len(account.objects("customers"))) == (1, 20)
    assert load(*records(singer, 2, *rows(18)), activate(2)).exit_code == 0
    assert len(account.objects("customers")) == 18


def test_exactly_the_limit_is_removed(load, singer, account):
    load(*records(singer, 1, *rows(10)), activate(1))
    run = load(*records(singer, 2, *rows(7)), activate(2))
    assert (run.exit_code, len(account.objects("customers"))) == (0, 7)


@pytest.mark.parametrize("limit", [-1, 101, "many"])
def test_a_limit_that_is_no_percentage_is_one_line(load, limit):
    assert "`mirror_limit`" in load(mirror_limit=limit).complaint


CHILDREN = {"customers": {}, "contacts": {"mirror": True}}


def test_children_are_removed_with_their_parents_key(load, singer, account):
    people = [{"id": n, "customer": "c", "name": f"P{n}"} for n in range(3)]
    parent = singer.stream("customers", {"id": "c", "name": "Acme"})
    first = records(singer, 1, *people, stream="contacts")
    load(*parent, *first, activate(1, "contacts"), streams=CHILDREN)
    run = load(
        *records(singer, 2, people[0], stream="contacts"), activate(2, "contacts"), streams=CHILDREN
    )
    assert run.exit_code == 0, run.stderr
    assert [row["name"] for row in account.objects("contacts")] == ["P0"]


def test_a_child_whose_deletion_lacks_its_parent_is_deleted(load, singer, account):
    parent = singer.stream("customers", {"id": "c", "name": "Acme"})
    load(*parent, *singer.stream("contacts", {"id": 1, "customer": "c", "name": "P"}))
    run = load(*singer.stream("contacts", {"id": 1, "_sdc_deleted_at": "2026-03-01T00:00:00Z"}))
    assert run.exit_code == 0, run.stderr
    assert account.objects("contacts") == []


ITEMS = [{"quantity": 1, "unit_cost": 100}]


@pytest.mark.parametrize("end", [{"status": "voided"}])
def test_a_record_void_at_its_source_takes_over_no_live_object_of_its_number(
    load, singer, account, end
):
    """A person created an invoice with that number: it does not belong to the record."""
    account.add("customers", id=1, name="Acme", number="C-1")
    account.add("invoices", id=5, customer=1, number="INV-9", items=ITEMS)
    record = {"id": "x", "customer": {"number": "C-1"}, "number": "INV-9", "items": ITEMS, **end}
    run = load(*singer.stream("invoices", record))
    assert run.exit_code == 1
    assert "INV-9" in run.complaint
    assert account.get("invoices", 5)["status"] != "voided"
    assert len(account.objects("invoices")) == 1


def test_the_ledger_knows_the_version_of_each_object(load, singer, tmp_path, mirrored):
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        found = database.execute("SELECT DISTINCT version FROM invoiced_objects").fetchall()
    assert found == [(1,)]
