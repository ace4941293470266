"""Rows that come out in another order than they came in, kept on disk in the meantime."""

from array import array
from collections.abc import Iterator, Sequence
from os import SEEK_END
from tempfile import SpooledTemporaryFile

from invoiced_api.reading.windows import EncodedChunk

# What is kept in memory before a file is used.
MAX_BYTES_IN_MEMORY = 4 * 1024 * 1024


class ExternalSort:
    """Keeps encoded rows, and returns them in the order of their moments (UNIX seconds).

    A row takes 24 bytes of memory. The file has no name and vanishes with the process.
    """

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._moments, self._starts, self._sizes = array("q"), array("q"), array("q")
        self._size = 0

    def add(self, moments: Sequence[int], content: bytes) -> None:
        """Keep rows, each a line of `content`. Content without one line per row stays together."""
        lines = content.splitlines(keepends=True)
        if len(lines) != len(moments):
            lines, moments = [content], moments[-1:]
        for moment, line in zip(moments, lines, strict=True):
            self._moments.append(moment)
            self._starts.append(self._size)
            self._sizes.append(len(line))
            self._size += len(line)
        if content:
            file = self._opened()
            file.seek(0, SEEK_END)
            file.write(content)

    def chunks(self, rows_per_chunk: int, since: int) -> Iterator[EncodedChunk]:
        """Everything that was kept, oldest first; rows of one second as they came.

        Rows without a moment come first. No chunk is older than `since`.
        """
        order = sorted(range(len(self._moments)), key=self._moments.__getitem__)
        for start in range(0, len(order), rows_per_chunk):
            places = order[start : start + rows_per_chunk]
            content = b"".join(map(self._line, places))
            newest = max(since, self._moments[places[-1]])
            yield EncodedChunk(content, len(places), newest)
        self.close()

    def close(self) -> None:
        """Delete the file."""
        if self._file:
            self._file.close()

    def _opened(self) -> "SpooledTemporaryFile[bytes]":
        if self._file is None:
            self._file = SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY)  # noqa: SIM115  # see close
        return self._file

    def _line(self, place: int) -> bytes:
        if not self._sizes[place]:
            return b""
        file = self._opened()
        file.seek(self._starts[place])
        return file.read(self._sizes[place])
