"""Records without a key that come again: each is written once, and each that is meant is written.

An input without a STATE at its end stands for a pipeline that was killed before the STATE.
"""

import pytest

MONTH_H = 31 * 24


@pytest.fixture(autouse=True)
def customer(account):
    return account.add("customers", id=5, name="Acme", number="C-1")


def payment(amount, **more):
    return {"customer": 5, "amount": amount, "date": "2026-02-01T00:00:00Z", **more}


def note(text):
    return {"customer_id": 5, "notes": text}


@pytest.fixture
def amounts(account):
    """The amounts of all payments in the account."""
    return lambda: sorted(row["amount"] for row in account.objects("payments"))


@pytest.fixture
def notes(account):
    """The texts of all notes in the account."""
    return lambda: sorted(row["notes"] for row in account.objects("notes"))


# Several streams


def test_records_behind_a_new_state_of_another_stream_are_recognised(load, singer, amounts, notes):
    load(
        *singer.stream("payments", payment(1)),
        singer.state("s0"),
        *singer.stream("notes", note("y1"), note("y2")),
    )
    load(
        *singer.stream("payments", payment(2)),
        singer.state("s1"),
        *singer.stream("notes", note("y1"), note("y2")),
        singer.state("s2"),
    )
    assert amounts() == [1, 2]
    assert notes() == ["y1", "y2"]


def test_records_behind_several_new_states_are_recognised(load, singer, amounts, notes):
    load(*singer.stream("notes", note("y1"), note("y2"), note("y3")))
    load(
        *singer.stream("payments", payment(1)),
        singer.state("s1"),
        singer.record("payments", **payment(2)),
        singer.state("s2"),
        *singer.stream("notes", note("y3"), note("y1")),
        singer.state("s3"),
        singer.record("notes", **note("y2")),
        singer.state("s4"),
    )
    assert amounts() == [1, 2]
    assert notes() == ["y1", "y2", "y3"]


def test_a_third_run_recognises_what_the_first_one_sent(load, singer, amounts, notes):
    load(*singer.stream("notes", note("y1"), note("y2")))
    load(*singer.stream("payments", payment(1)), singer.state("s1"))
    load(
        *singer.stream("payments", payment(2)),
        singer.state("s2"),
        *singer.stream("notes", note("y1"), note("y2")),
        singer.state("s3"),
    )
    assert amounts() == [1, 2]
    assert notes() == ["y1", "y2"]


# Equal records


@pytest.mark.parametrize("more", [0, 1, 2], ids=["none-more", "one-more", "two-more"])
def test_of_equal_records_those_beyond_the_ones_sent_are_written(load, singer, notes, more):
    load(*singer.stream("notes", note("y"), note("y")))
    load(*singer.stream("notes", *[note("y")] * (2 + more)), singer.state(1))
    assert notes() == ["y"] * (2 + more)


def test_equal_records_on_both_sides_of_a_new_state_are_counted(load, singer, amounts, notes):
    load(*singer.stream("notes", note("y"), note("y")))
    load(
        *singer.stream("payments", payment(1)),
        singer.state("s1"),
        *singer.stream("notes", note("y")),
        singer.state("s2"),
        singer.record("notes", **note("y")),
        singer.record("notes", **note("y")),
        singer.state("s3"),
    )
    assert amounts() == [1]
    assert notes() == ["y"] * 3


# Several pipelines


@pytest.mark.parametrize("names", [({}, {}), ({}, {"pipeline": "other"})], ids=["unnamed", "named"])
def test_the_state_of_another_pipeline_covers_nothing_of_this_one(load, singer, amounts, names):
    this, other = names
    load(*singer.stream("payments", payment(1), payment(2)), **this)
    load(*singer.stream("notes", note("n1")), singer.state("notes"), **other)
    load(*singer.stream("payments", payment(1), payment(2)), singer.state("payments"), **this)
    assert amounts() == [1, 2]


def test_many_runs_of_another_pipeline_change_nothing(load, singer, amounts, notes):
    load(*singer.stream("payments", payment(1), payment(2)))
    for number in range(3):
        load(*singer.stream("notes", note(f"n{number}")), singer.state(f"notes {number}"))
    load(*singer.stream("payments", payment(2), payment(1)), singer.state("payments"))
    assert amounts() == [1, 2]
    assert notes() == ["n0", "n1", "n2"]


def test_two_named_pipelines_may_send_equal_records(load, singer, amounts):
    load(*singer.stream("payments", payment(1)), pipeline="shop")
    load(*singer.stream("payments", payment(1)), singer.state("till"), pipeline="till")
    assert amounts() == [1, 1], "both are meant"
    load(*singer.stream("payments", payment(1)), singer.state("shop"), pipeline="shop")
    assert amounts() == [1, 1], "the replay of one of them"


# Long after


def test_an_equal_record_a_month_later_is_written(load, singer, amounts, later):
    load(*singer.stream("payments", payment(1)))
    load(*singer.stream("notes", note("n1")), env=later(24))
    run = load(*singer.stream("payments", payment(1)), env=later(MONTH_H))
    assert amounts() == [1, 1]
    assert "WARNING" in run.stderr, "what the ledger forgets is named"


def test_equal_records_of_every_month_are_written(load, singer, amounts, later):
    for month in range(3):
        load(*singer.stream("payments", payment(9)), env=later(month and MONTH_H))
    assert amounts() == [9, 9, 9]


def test_an_equal_input_with_an_equal_state_a_month_later_is_written(load, singer, amounts, later):
    """A tap whose STATE holds no time, such as `{}`, sends the same one every month."""
    load(*singer.stream("payments", payment(1)), singer.state({"done": True}))
    load(*singer.stream("payments", payment(1)), singer.state({"done": True}), env=later(MONTH_H))
    assert amounts() == [1, 1]


def test_a_replay_within_the_hour_is_recognised(load, singer, amounts, later):
    load(*singer.stream("payments", payment(1), payment(1)))
    load(*singer.stream("payments", payment(1), payment(1)), singer.state(1), env=later(1))
    assert amounts() == [1, 1]


# Nothing shows which one it is


@pytest.mark.parametrize(
    ("doubt", "code", "written"),
    [
        pytest.param("reject", 1, [1, 2], id="reject"),
        pytest.param("send", 0, [1, 1, 2], id="send"),
        pytest.param("skip", 0, [1, 2], id="skip"),
    ],
)
def test_an_equal_record_without_a_state_after_it_is_in_doubt(
    load, run_target, server, singer, account, amounts, doubt, code, written
):
    """A STATE covers the first one, and the input that has the second one ends without one."""
    load(*singer.stream("payments", payment(1)), singer.state(1))
    (first,) = account.objects("payments")
    settings = {"streams": {"payments": {"doubt": doubt}}}
    run = run_target(server, singer.stream("payments", payment(2), payment(1)), **settings)
    assert (run.exit_code, amounts()) == (code, written), run.stderr
    if code:
        assert "line 3, payments: an equal payment was sent at " in run.complaint
        assert f": object {first['id']}, and no STATE shows" in run.complaint


# Another order


@pytest.mark.parametrize(
    "again",
    [
        pytest.param((2, 1, 3), id="another-order"),
        pytest.param((2, 3), id="without-the-first"),
        pytest.param((3, 2, 1), id="backwards"),
        pytest.param((1, 3), id="without-one-in-the-middle"),
    ],
)
def test_a_replay_up_to_the_same_state_adds_nothing_in_any_order(load, singer, amounts, again):
    load(*singer.stream("payments", *map(payment, (1, 2, 3))), singer.state("s"))
    load(*singer.stream("payments", *map(payment, again)), singer.state("s"))
    assert amounts() == [1, 2, 3]


def test_a_replay_with_one_record_more_writes_that_one(load, singer, amounts):
    """The source committed it late, and sorts it before the others."""
    load(*singer.stream("payments", *map(payment, (1, 2, 3))), singer.state("s"))
    load(*singer.stream("payments", *map(payment, (2, 4, 1, 3))), singer.state("s"))
    assert amounts() == [1, 2, 3, 4]


def test_a_replay_of_all_that_a_state_covers_adds_nothing(load, singer, amounts):
    messages = [*singer.stream("payments", *map(payment, (1, 1, 2))), singer.state("s")]
    load(*messages)
    load(*messages)
    assert amounts() == [1, 1, 2]


# A key of their own


@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_a_stream_that_names_its_key_is_written_once_for_ever(load, singer, amounts, later, ids):
    settings = {"streams": {"payments": {"ids": "external", "key_properties": ["reference"]}}}
    one, two = payment(1, reference="a"), payment(1, reference="b")
    account = {"customer": {"number": "C-1"}}
    for hours in (0, 1, MONTH_H):
        records = [{**record, **account} for record in (one, two)]
        load(*singer.stream("payments", *records, key=()), ids=ids, env=later(hours), **settings)
    assert amounts() == [1, 1]
