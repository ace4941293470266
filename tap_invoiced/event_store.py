"""Events that are read in one order and needed in another, several times, and may be many."""

import pickle
import weakref
from array import array
from collections.abc import Collection, Iterator
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import Any

# What is kept in memory before a file is used.
MAX_BYTES_IN_MEMORY = 4 * 1024 * 1024

# A JSON object as Invoiced sends it.
Object = dict[str, Any]


class EventStore:
    """Events with a `timestamp`, on disk. In memory, an event takes about 100 bytes.

    The file has no name, is read by nobody else, and goes with the store. Events are pickled, since
    JSON would not keep what `exact_json` marks.
    """

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._kinds: list[str] = []
        self._ids: list[Any] = []
        self._timestamps = array("q")
        self._starts = array("q")

    def add(self, kind: str, event: Object) -> None:
        """Keep an event, which has an `id` and an integer `timestamp`.

        Raises:
            RecursionError: if it is nested too deeply; nothing is kept then.
        """
        pickled = pickle.dumps(event, pickle.HIGHEST_PROTOCOL)
        if self._file is None:
            self._file = SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY)  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        self._file.seek(0, SEEK_END)
        self._starts.append(self._file.tell())
        self._file.write(pickled)
        self._kinds.append(kind)
        self._ids.append(event["id"])
        self._timestamps.append(event["timestamp"])

    def events(
        self, kinds: Collection[str], since: int = 0, without: Collection[str] = ()
    ) -> Iterator[Object]:
        """The events of some kinds from a second on, the oldest first.

        Those with an id in `without`, as text, are left out.
        """
        for place in self._places(kinds, since):
            if str(self._ids[place]) not in without and self._file:
                self._file.seek(self._starts[place])
                yield pickle.load(self._file)

    def ids(self, kinds: Collection[str], since: int) -> list[str]:
        """The ids of the events of some kinds from a second on, as text, the oldest first."""
        return [str(self._ids[place]) for place in self._places(kinds, since)]

    def _places(self, kinds: Collection[str], since: int) -> list[int]:
        places = range(len(self._kinds))
        wanted = [p for p in places if self._kinds[p] in kinds and self._timestamps[p] >= since]
        return sorted(wanted, key=self._moment_and_id)

    def _moment_and_id(self, place: int) -> tuple[int, int, str]:
        key = self._ids[place]
        return self._timestamps[place], key if isinstance(key, int) else 0, str(key)
