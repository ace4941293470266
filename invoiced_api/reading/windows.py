"""A stretch of a stream that is read on its own, and the rows read so far."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from invoiced_api.reading.pages import Page, PageRequest, Row
from invoiced_api.reading.steps import OnRows, PageSteps, Window

# Rows -> the bytes of a chunk.
Encode = Callable[[list[Row]], bytes]

# A window of more pages is cut into pieces of about so many: small enough that the first in order
# comes soon, large enough that few pages reach beyond their window.
MAX_PIECES = 16


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Rows that are ready to be written.

    Attributes:
        content: the encoded rows.
        rows: how many there are.
        newest: UNIX second of the latest change among them; a bookmark may advance to it.
    """

    content: bytes
    rows: int
    newest: int


class WindowReader:
    """One window (or one list) of a stream, read page by page.

    Attributes:
        unencoded: rows that have arrived, in order.
        chunks: encoded rows that have not come out, in order.
        window: the stretch of time.
        rows_ahead: how many rows its largest list had from its first second on; None if unknown.
        in_flight: whether `request` was sent.
        abandoned: whether nothing that it reads is used any more.
        request: the page it needs next; None when it has ended.
    """

    def __init__(self, read: Callable[[Window, OnRows], PageSteps], window: Window) -> None:
        self.unencoded: deque[list[Row]] = deque()
        self.chunks: deque[EncodedChunk] = deque()
        self.window = window
        self.rows_ahead: int | None = None
        self.in_flight = False
        self.abandoned = False
        self.request: PageRequest | None = None
        self._steps = read(window, self.unencoded.append)
        self._continue(None)

    @property
    def drained(self) -> bool:
        """Whether it has ended and everything it read has come out."""
        return not (self.request or self.unencoded or self.chunks)

    def receive(self, page: Page) -> None:
        """Continue with the page that was requested."""
        self.in_flight = False
        self._continue(page)

    def _continue(self, page: Page | None) -> None:
        try:
            self.request = next(self._steps) if page is None else self._steps.send(page)
        except StopIteration:
            self.request = None


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
