"""Which write goes next: what a refused one waits for, and how many are taken in."""

import time

import pytest

from target_invoiced.ledger import Ledger
from target_invoiced.mapping.outcomes import Done, Kind
from target_invoiced.records.record import PendingRecord, Stream
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.results.report import Report
from target_invoiced.scheduling.dependencies import DependencyGraph
from target_invoiced.scheduling.queue import MAX_BATCHED, WriteQueue
from target_invoiced.settings import target_settings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import Record, Schema


@pytest.fixture
def graph():
    """Items that depend on nothing, in the order of their names."""
    found = DependencyGraph()
    for name in "abc":
        assert found.add(name, writes={name})
    return found


def test_a_postponed_item_waits_for_the_earlier_ones_only(graph):
    assert graph.postpone("b", earlier_only=True)
    assert graph.finish("c") == [], "it does not wait for this one"
    assert graph.finish("a") == ["b"]


def test_a_postponed_item_waits_for_all_others(graph):
    assert graph.postpone("b")
    assert graph.finish("a") == []
    assert graph.finish("c") == ["b"]


def test_the_first_item_has_no_earlier_one_to_wait_for(graph):
    assert not graph.postpone("a", earlier_only=True)


def test_two_postponed_items_do_not_wait_for_each_other(graph):
    assert graph.postpone("a")
    assert not graph.postpone("b", earlier_only=True), "the only earlier one waits for it"
    assert graph.postpone("c", earlier_only=True)
    assert graph.finish("b") == ["c"]
    assert graph.finish("c") == ["a"]


@pytest.fixture
def queue():
    unit = UnitOfWork(Ledger(None), time.time)
    recorder = OutcomeRecorder(
        unit=unit,
        states=StateTracker(),
        report=Report(),
        rejects=None,
        responses=None,
        max_rejects=None,
        stop=lambda failure, position: None,
        clock=time.monotonic,
    )
    return WriteQueue(unit, recorder)


def test_the_records_of_batches_are_counted_one_by_one(queue):
    call = {"method": "POST", "path": "/lists", "batch_size": 100}
    settings = target_settings({"api_key": "k", "streams": {"own": call}}, {})
    stream = Stream.of(Schema(1, "own", {}, []), settings.stream("own"), settings)

    def batch():
        records = [PendingRecord(stream, Record(1, "own", {}), {}, 0.0) for _ in range(100)]
        records[0].batch_rest = records[1:]
        return records[0]

    batches = []
    while queue.has_room:
        batches.append(batch())
        queue.enqueue(batches[-1])
    assert len(batches) == -(-MAX_BATCHED // 99)
    queue.finish(batches[0], Done(Kind.CREATED))
    assert queue.has_room
