"""Which requests may be sent, decided without a network."""

from invoiced_api.reading.readers import reader_of
from invoiced_api.reading.scheduler import InFlight, RequestScheduler
from invoiced_api.resources import BY_NAME
from invoiced_api.retry import RetryBudget

CONNECTIONS = 2


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
