"""Which requests may be sent, decided without a network."""

from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scheduler import InFlight, RequestScheduler
from invoiced_api.resources import BY_NAME
from invoiced_api.retry import RetryBudget

CONNECTIONS = 2
ROW_BYTES, MAX_BYTES = 1_000, 4_000_000


def test_repeated_pages_of_a_failing_list_keep_its_bound() -> None:
    """Its requests take no connection of others, but it sends no more than all connections."""
    reader = reader_of(BY_NAME["charges"], 100, 0, lambda rows: b"")
    reader.budget = RetryBudget(60)
    reader.budget.failed()
    scheduler = RequestScheduler(CONNECTIONS, [reader])
    scheduler.advance()
    (sent,) = scheduler.to_request()
    scheduler.free_connection(sent)
    for _ in range(5):
        scheduler.repeat(InFlight(reader, sent.window, sent.request, 0))
    assert len(list(scheduler.to_request())) == CONNECTIONS
    assert scheduler.in_flight == CONNECTIONS


def test_earlier_streams_keep_their_room_in_the_buffer() -> None:
    """What is read ahead of its turn would else leave them one request at a time."""
    earlier, later = (
        reader_of(BY_NAME[name], 100, 0, lambda rows: b"") for name in ("charges", "refunds")
    )
    earlier.bytes_per_row = ROW_BYTES
    later.bytes_per_page = MAX_BYTES * 3 // 4
    scheduler = RequestScheduler(CONNECTIONS, [earlier, later], MAX_BYTES)
    scheduler.advance()
    assert [sent.reader for sent in scheduler.to_request()] == [earlier]
    earlier.bytes_per_row = 0
    assert [sent.reader for sent in scheduler.to_request()] == [later]
