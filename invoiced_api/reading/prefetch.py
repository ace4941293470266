"""Keeps the connections busy: fetches pages of the stream that is read, and of the next ones.

Threads only wait for responses. The caller's thread decides, parses and encodes, since threads that
compute at the same time only compete for the interpreter.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from invoiced_api.client import Client
from invoiced_api.exceptions import (
    IncompleteReadError,
    NotFoundError,
    RecordRejectedError,
    UnreadablePageError,
)
from invoiced_api.reading.broken_pages import read_by_row
from invoiced_api.reading.pages import ListQuery, Page, page_of, refused_page
from invoiced_api.reading.scheduler import MAX_BUFFERED_BYTES, Attempt, InFlight, RequestScheduler
from invoiced_api.reading.streams import StreamReader
from invoiced_api.reading.windows import EncodedChunk
from invoiced_api.request import Request
from invoiced_api.response import Response
from invoiced_api.retry import RetryBudget

LOGGER = logging.getLogger(__name__)

# A request may begin to fail while its response is awaited. Then others take its place.
MAX_WAIT_S = 0.2
# How a server may refuse a page that is not requested in order, or is beyond the end.
REFUSALS_OF_PAGES = (400, 404, 416, 422)
# So many rows that cannot be read are named.
MAX_UNREADABLE_NAMED = 5

Result = Response | Exception


class PageTransport(Protocol):
    """Sends page requests, several at once, and returns their results in any order."""

    def submit(self, sent: InFlight) -> None:
        """Start a request."""

    def result(self, *, wait: bool) -> tuple[InFlight, Result] | None:
        """A request that has ended, and its result; None if none has, for a while if `wait`."""

    def close(self) -> None:
        """Start no more requests."""


class Prefetcher:
    """Reads several streams over the same connections.

    `RequestScheduler` decides; this class carries its decisions out.

    Args:
        transport: sends the requests.
        connections: the most requests in flight.
        readers: the streams, in the order in which they come out.
        max_buffered_bytes: the most bytes that wait to come out; what holds up the output is
            requested in any case.
    """

    def __init__(
        self,
        transport: PageTransport,
        connections: int,
        readers: Sequence[StreamReader],
        max_buffered_bytes: int = MAX_BUFFERED_BYTES,
    ) -> None:
        self._transport = transport
        self._scheduler = RequestScheduler(connections, readers, max_buffered_bytes)

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def add_first(self, reader: StreamReader) -> None:
        """Add a reader that comes before all others."""
        self._scheduler.add_first(reader)

    def discard(self, reader: StreamReader) -> None:
        """Forget a reader whose chunks are no longer wanted."""
        self._scheduler.remove(reader)
        reader.close()

    def chunks(self, reader: StreamReader) -> Iterator[EncodedChunk]:
        """The chunks of one of the readers, in order. Exhaust it before the next reader's.

        Raises:
            InvoicedError: what a request of the reader raised, after the chunks before it.
            IncompleteReadError: if rows could not be read, after all others.
        """
        self._scheduler.start(reader)
        try:
            while True:
                self._scheduler.advance()
                self._request()
                chunk = reader.next_chunk()
                if chunk:
                    yield chunk
                elif reader.failure or reader.finished:
                    break
                # In turns, so that a page is encoded while it is in the processor's cache, and
                # what a response makes possible is in flight before the next one is encoded.
                encoded = self._scheduler.encode_one()
                if not self._receive(wait=False) and not encoded and not chunk:
                    self._receive(wait=True)
        finally:
            self._scheduler.remove(reader)
            reader.close()
        failure = reader.failure
        if reader.unreadable and (failure is None or isinstance(failure, IncompleteReadError)):
            raise _unreadable(reader.unreadable, failure)
        if failure:
            raise failure

    def _request(self) -> None:
        for sent in self._scheduler.to_request():
            self._transport.submit(sent)

    def _receive(self, *, wait: bool) -> bool:
        """Takes in one response, if there is one or `wait`; False if there was none."""
        if wait and not self._scheduler.in_flight:
            # No failure of the account's: a reader that is not finished and needs no page.
            raise AssertionError("reading stalled: no request is in flight for the next page")
        ended = self._transport.result(wait=wait)
        if ended is None:
            return False
        sent, response = ended
        self._scheduler.free_connection(sent)
        # Before the page is parsed, so that the connection does not wait for that.
        self._request()
        page = self._page(sent, response)
        if page is not None:
            self._scheduler.free_buffer(sent)
            sent.window.receive(page)
        return True

    def _page(self, sent: InFlight, response: Result) -> Page | Exception | None:
        """The page of a response, or why there is none; None if it is to be requested again."""
        if isinstance(response, Exception):
            refused = sent.request.may_be_refused and is_refused_page(response)
            return refused_page(sent.request) if refused else response
        self._count(sent.reader, response)
        if response.unread_bytes:
            self._scheduler.postpone(sent, response.unread_bytes)
            return None
        try:
            page = page_of(sent.request, response)
        except UnreadablePageError as unreadable:
            return None if self._requests_again(sent, unreadable) else unreadable
        except Exception as failure:  # noqa: BLE001  # raised where the chunks are read
            return failure
        if page.shown and isinstance(response.body, bytes):
            sent.reader.bytes_per_row = len(response.body) // page.shown
        return page

    def _count(self, reader: StreamReader, response: Response) -> None:
        reader.requests += 1 + response.retries
        reader.retries += response.retries
        if isinstance(response.body, bytes):
            # Sizes may alternate: a small page says little of the next one.
            reader.bytes_per_page = max(len(response.body), reader.bytes_per_page // 2)

    def _requests_again(self, sent: InFlight, unreadable: UnreadablePageError) -> bool:
        """Again; then row by row, if the page is a list that is broken somewhere; then not."""
        if sent.attempt is Attempt.FIRST:
            following = Attempt.SECOND
        elif sent.attempt is Attempt.SECOND and unreadable.broken:
            following = Attempt.BY_ROW
        else:
            return False
        LOGGER.warning("%s; requested again%s", unreadable, following.value)
        sent.reader.retries += 1
        self._scheduler.repeat(replace(sent, attempt=following))
        return True


def _unreadable(names: list[str], failure: Exception | None) -> IncompleteReadError:
    """Names the rows; they may also be why counts do not agree, which is the failure then."""
    outcome = failure or "The other rows were emitted, and the stream keeps its bookmark."
    return IncompleteReadError(
        f"rows that cannot be read: {len(names)} ({', '.join(names[:MAX_UNREADABLE_NAMED])}). "
        f"Correct them in Invoiced, or report them to Invoiced's support. {outcome}"
    )


def is_refused_page(failure: Exception) -> bool:
    """Whether the server refused a page by its number."""
    return isinstance(failure, RecordRejectedError) and failure.status in REFUSALS_OF_PAGES


class ThreadTransport:
    """Sends requests with one thread each, as many as were in flight at once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests: SimpleQueue[InFlight | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[InFlight, Result]] = SimpleQueue()
        self._threads = 0
        self._in_flight = 0

    def submit(self, sent: InFlight) -> None:
        """Start a request, with a new thread if all others are busy."""
        self._in_flight += 1
        if self._threads < self._in_flight:
            self._threads += 1
            # Daemons: a run that is stopped does not wait for responses it will not read.
            Thread(target=self._work, daemon=True).start()
        self._requests.put(sent)

    def result(self, *, wait: bool) -> tuple[InFlight, Result] | None:
        """A request that has ended, and its result; None if none has, for a while if `wait`."""
        try:
            ended = self._results.get(block=wait, timeout=MAX_WAIT_S)
        except Empty:
            return None
        self._in_flight -= 1
        return ended

    def close(self) -> None:
        """Let the threads end after their current request."""
        for _thread in range(self._threads):
            self._requests.put(None)

    def _work(self) -> None:
        while (sent := self._requests.get()) is not None:
            try:
                self._results.put((sent, self._send(sent)))
            except Exception as failure:  # noqa: BLE001  # raised where the chunks are read
                self._results.put((sent, failure))

    def _send(self, sent: InFlight) -> Response:
        """The unparsed response: threads are to wait, not to compute."""
        listing, budget = sent.request.listing, sent.reader.budget
        if sent.attempt is Attempt.BY_ROW:
            return read_by_row(self._client.send, sent.request, budget)
        try:
            call = replace(sent.request.call(), raw=True, budget=budget, max_bytes=sent.max_bytes)
            return self._client.send(call)
        except NotFoundError:
            if listing.parent_path and self._has_no_children(listing, budget):
                return Response(headers={}, body=[])
            raise

    def _has_no_children(self, listing: ListQuery, budget: RetryBudget | None) -> bool:
        """Whether a list of children may answer 404: its parent does not exist, or has no children.

        If the parent has some, the list is not empty but missing.
        """
        try:
            parent = self._client.send(
                Request(method="GET", path=listing.parent_path, budget=budget)
            ).body
        except NotFoundError:
            return True
        having = listing.parent_having
        if having is None or not isinstance(parent, dict):
            return False
        # What is no id names no child.
        return type(parent.get(having)) not in (int, str) or not parent[having]
