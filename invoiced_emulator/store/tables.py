"""The objects of one resource in memory, and the indices that make its lists fast."""

from collections.abc import Iterable
from typing import Any

import orjson
from sortedcontainers import SortedList

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.definition import Key, ResourceDefinition, Row
from invoiced_emulator.store.computed import Bulk, MergedSequence

_NOTHING: Row = {}


class ListIndex:
    """One list of objects in three orders: by id, and by `updated_at` upwards and downwards."""

    __slots__ = ("ids", "newest", "oldest")

    def __init__(self) -> None:
        self.ids: Any = SortedList()
        self.oldest: Any = SortedList()
        self.newest: Any = SortedList()

    def add(self, key: Key, updated_at: int) -> None:
        """Add an object, once."""
        self.ids.add(key)
        self.oldest.add((updated_at, key))
        self.newest.add((-updated_at, key))

    def discard(self, key: Key, updated_at: int) -> None:
        """Remove an object, if it is there."""
        self.ids.discard(key)
        self.oldest.discard((updated_at, key))
        self.newest.discard((-updated_at, key))


class Rows(dict[Key, Row]):
    """The stored objects by id; those of a bulk are computed whenever they are looked up.

    Attributes:
        bulk: the computed objects; None if there are none.
    """

    bulk: Bulk | None = None

    def __missing__(self, key: Key) -> Row:
        if self.bulk is None or not self.bulk.has(key):
            raise KeyError(key)
        return self.bulk.row(key)


class Table:
    """The objects of one resource, with their indices and their JSON.

    Attributes:
        resource: what they look like.
        rows: the objects by id.
        private: by id, what is known of an object but never shown.
        next_id: the id of the next object.
    """

    def __init__(self, resource: ResourceDefinition) -> None:
        self.resource = resource
        self.rows = Rows()
        self.private: dict[Key, Row] = {}
        self.next_id = 1
        self._next_number = 1
        self._list_indexes: dict[str, ListIndex] = {}
        self._index: dict[str, dict[Any, set[Key]]] = {name: {} for name in resource.indexed}
        self._raw: dict[frozenset[str], dict[Key, bytes]] = {}
        template = resource.template.items()
        self._containers = [(name, type(v)) for name, v in template if isinstance(v, list | dict)]

    def __len__(self) -> int:
        return len(self.list_index("all").ids)

    @property
    def bulk(self) -> Bulk | None:
        """The computed objects; None if there are none."""
        return self.rows.bulk

    def take(self, bulk: Bulk) -> None:
        """List the objects of a bulk among the stored ones. ValueError if there is one already."""
        if self.bulk is not None:
            raise ValueError(f"{self.resource.name} have a bulk already")
        self.rows.bulk = bulk
        self.next_id = bulk.first_id + bulk.count
        index = self.list_index("all")
        index.ids = MergedSequence(index.ids, bulk.ids())
        index.oldest = MergedSequence(index.oldest, bulk.oldest())
        index.newest = MergedSequence(index.newest, bulk.newest())

    def blank(self) -> Row:
        """An object with nothing but defaults; its lists and maps are its own."""
        return {**self.resource.template, **{name: kind() for name, kind in self._containers}}

    def list_index(self, name: str) -> ListIndex:
        """The list of this name, which is empty if nothing was added to it."""
        return self._list_indexes.setdefault(name, ListIndex())

    def put(self, row: Row, **private: Any) -> None:
        """Insert `row`, or replace the object with its id. The table owns `row` from now on.

        `private` is added to what is known of the object but never shown.
        """
        key = row["id"]
        self.check_stored(key)
        if key in self.rows:
            self._forget(key)
        self.rows[key] = row
        if private:
            self.private.setdefault(key, {}).update(private)
        if isinstance(key, str):
            self.next_id += 1
        elif key >= self.next_id:
            self.next_id = key + 1
        for name in self.resource.list_names(row, self.private.get(key, _NOTHING)):
            self.list_index(name).add(key, row["updated_at"])
        for name, index in self._index.items():
            value = self._indexed(row, name)
            if value is not None:
                index.setdefault(value, set()).add(key)

    def _indexed(self, row: Row, name: str) -> Any:
        return self.private.get(row["id"], _NOTHING).get(name) if name[0] == "_" else row[name]

    def check_stored(self, key: Key) -> None:
        """Raise ApiError for an object of a bulk, which cannot be changed."""
        if self.bulk is not None and self.bulk.has(key):
            raise ApiError(f"{key} belongs to a bulk, which cannot be changed")

    def archive(self, key: Key, updated_at: int) -> None:
        """List an object with the archived ones only; its id is free from now on."""
        row = {**self.rows[key], "updated_at": updated_at}
        self.drop(key)
        hidden = f"{key}\0"
        while hidden in self.rows:
            hidden += "\0"
        self.rows[hidden] = row
        self.list_index("archived").add(hidden, updated_at)

    def drop(self, key: Key) -> None:
        """Remove an object. KeyError if there is none."""
        self.check_stored(key)
        self._forget(key)
        del self.rows[key]
        self.private.pop(key, None)

    def _forget(self, key: Key) -> None:
        row = self.rows[key]
        for name in self.resource.list_names(row, self.private.get(key, _NOTHING)):
            self.list_index(name).discard(key, row["updated_at"])
        for name, index in self._index.items():
            value = self._indexed(row, name)
            if value is not None:
                index[value].discard(key)
                if not index[value]:
                    del index[value]
        for versions in self._raw.values():
            versions.pop(key, None)

    def raw(self, key: Key, hidden: frozenset[str] = frozenset()) -> bytes:
        """The object as JSON without its `hidden` attributes, serialised once per version."""
        bulk = self.rows.bulk
        versions = self._raw.setdefault(hidden, {})
        found = versions.get(key)
        if found is None:
            row = self.rows[key]
            shown = {k: v for k, v in row.items() if k not in hidden} if hidden else row
            found = orjson.dumps(shown)
            if bulk is None or not bulk.has(key):
                versions[key] = found
        return found

    def raws(self, keys: Iterable[Key], hidden: frozenset[str]) -> list[bytes]:
        """The objects of a page as JSON."""
        if self.bulk is not None and not hidden:
            return self.bulk.raws(keys, self.raw)
        return [self.raw(key, hidden) for key in keys]

    def where(self, name: str, value: object) -> set[Key]:
        """Ids of the objects whose indexed attribute `name` has this value."""
        return self._index[name].get(value, set())

    def free_number(self) -> str:
        """The next number nobody has, such as `INV-0017`."""
        while True:
            number = f"{self.resource.prefix}-{self._next_number:04d}"
            if not self.where("number", number):
                return number
            self._next_number += 1
