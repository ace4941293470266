"""A stretch of a stream that is read on its own, and the rows read so far.

A window takes in what was requested for it: it goes on with its steps, which emit rows and name the
next page. Then it reports the arrival to its reader, which decides what follows for all windows.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from invoiced_api.reading.pages import Page, PageRequest, Row
from invoiced_api.reading.steps import OnRows, PageSteps, Window

# Rows -> the bytes of a chunk.
Encode = Callable[[list[Row]], bytes]
# How to read a window.
Read = Callable[[Window, OnRows], PageSteps]

# A window of more pages is cut into pieces of about so many: small enough that the first in order
# comes soon, large enough that few pages reach beyond their window.
MAX_PIECES = 16


class UnencodedRows(msgspec.Struct, frozen=True):
    """Rows that wait to be encoded.

    Attributes:
        rows: in the order in which they come out.
        newest: UNIX second to which a bookmark may advance with them.
        size: bytes that they are taken to occupy.
    """

    rows: list[Row]
    newest: int
    size: int


class EncodedChunk(msgspec.Struct, frozen=True):
    """Rows that are ready to be written.

    Attributes:
        content: the encoded rows.
        rows: how many there are.
        newest: UNIX second of the latest change among them; a bookmark may advance to it.
    """

    content: bytes
    rows: int
    newest: int


class Arrival(msgspec.Struct, frozen=True):
    """What has come of a request.

    Attributes:
        window: the window that needed it.
        request: what was requested.
        since: UNIX second from which on the window was to be read then.
        page: what the response showed; None if there is none.
        failure: why there is no page, or why it cannot be used; None if the window went on.
    """

    window: "WindowReader"
    request: PageRequest
    since: int
    page: Page | None
    failure: Exception | None


class WindowReader:
    """One window (or one list) of a stream, read page by page.

    Attributes:
        emitted: rows of the latest arrivals, in order, until the reader takes them over.
        unencoded: rows that wait to be encoded, in order.
        chunks: encoded rows that have not come out, in order.
        window: the stretch of time.
        rows_ahead: how many rows its largest list had from its first second on; None if unknown.
        in_flight: whether `request` was sent.
        abandoned: whether nothing that it reads is used any more.
        request: the page it needs next; None when it has ended.
    """

    def __init__(self, read: Read, window: Window, arrivals: deque[Arrival]) -> None:
        """Prepare the window, and name its first page.

        Args:
            read: the steps.
            window: the stretch of time.
            arrivals: takes what has come, for the reader.
        """
        self.emitted: list[list[Row]] = []
        self.unencoded: deque[UnencodedRows] = deque()
        self.chunks: deque[EncodedChunk] = deque()
        self.window = window
        self.rows_ahead: int | None = None
        self.in_flight = False
        self.abandoned = False
        self.request: PageRequest | None = None
        self._arrivals = arrivals
        self._steps = read(window, self.emitted.append)
        self.request = next(self._steps, None)

    @property
    def drained(self) -> bool:
        """Whether it has ended and everything it read has come out."""
        return not (self.request or self.unencoded or self.chunks)

    def receive(self, result: Page | Exception) -> None:
        """Take in the page that was requested, or the reason why there is none.

        After a failure the window still needs that page. Its reader decides what follows.
        """
        self.in_flight = False
        request, since = self.request, self.window.since
        if self.abandoned or request is None:
            return
        page, failure = (result, None) if isinstance(result, Page) else (None, result)
        if page:
            try:
                self.request = self._steps.send(page)
            except StopIteration:
                self.request = None
            except Exception as problem:  # noqa: BLE001  # raised where the chunks are read
                failure = problem
        self._arrivals.append(Arrival(self, request, since, page, failure))


def cut(since: int, until: int, rows: int, rows_per_piece: int) -> list[int]:
    """The edges of pieces of a time that holds so many rows, of a second each at least.

    Args:
        since: UNIX second, the first edge.
        until: UNIX second, the last edge.
        rows: how many rows lie between them, spread evenly as far as is known.
        rows_per_piece: how many each piece but the last should hold; more if that needs too many
            pieces.
    """
    pieces = max(1, min(-(-rows // rows_per_piece), MAX_PIECES, until - since))
    fits = rows_per_piece * pieces >= rows
    part, whole = (rows_per_piece, rows) if fits and rows else (1, pieces)
    return [*(since + (until - since) * piece * part // whole for piece in range(pieces)), until]
