"""What a run knows of the ledger, and what it is about to put down there: all in one `flush`."""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError
from target_invoiced import exact_json
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.journal import Journaled
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.parked import Parked
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference
from target_invoiced.records.record import Task

MOST_IDS_REMEMBERED = 10_000
# How many records wait in memory where there is no ledger to keep them.
MOST_IN_MEMORY = 10_000
PARKED_PER_PAGE = 200


def told(reference: Reference) -> str:
    """A reference as the ledger keeps it, to be read by `heard`."""
    if isinstance(reference, ExternalKey):
        return orjson.dumps([reference.resource, reference.value]).decode()
    return orjson.dumps([reference.resource, reference.attribute, reference.value]).decode()


# What a record waits for that Invoiced refused: never known, so that it is not sent again as it is.
MENDED = ExternalKey("", "")


def heard(missing: str) -> Reference:
    words = orjson.loads(missing)
    return ExternalKey(*words) if len(words) == 2 else NaturalKey(*words)


@dataclass(slots=True)
class UnitOfWork:
    """The ledger as of now: what is in it, and what will be with the next `flush`."""

    ledger: Ledger
    now: Callable[[], float]
    parked: int = 0
    journal_in_use: bool = False
    _current: dict[ExternalKey, ObjectMapping] = field(default_factory=dict)
    _users: dict[ExternalKey, int] = field(default_factory=dict)
    _ids: "OrderedDict[ExternalKey, Any]" = field(default_factory=OrderedDict)
    _rows: dict[ExternalKey, ObjectMapping] = field(default_factory=dict)
    _entries: dict[int, Journaled] = field(default_factory=dict)
    _replaced: list[int] = field(default_factory=list)
    _seen: dict[int, list[ExternalKey]] = field(default_factory=dict)
    _parking: list[Parked] = field(default_factory=list)
    _unparking: list[int] = field(default_factory=list)
    _owed: list[bytes] = field(default_factory=list)
    _in_memory: dict[str, list[Task]] = field(default_factory=dict)
    _taken_up: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parked = self.ledger.parked.count()

    def flush(self) -> None:
        """Everything put down since the last time is durable when this returns."""
        with self.ledger.transaction():
            self.ledger.keys.keep(self._rows.values())
            if self._entries or self._replaced:
                self.ledger.journal.enter(self._entries.values(), self._replaced)
            for version, keys in self._seen.items():
                self.ledger.keys.see(keys, version)
            if self._unparking:
                self.ledger.parked.remove(self._unparking)
            if self._parking:
                self.ledger.parked.add(self._parking)
            self.ledger.answers.owe(self._owed)
        self._taken_up.difference_update(self._unparking)
        self._refused.difference_update(self._unparking)
        self._rows, self._entries, self._replaced, self._seen = {}, {}, [], {}
        self._parking, self._unparking, self._owed = [], [], []

    # Keys

    def look_up(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, ObjectMapping]:
        """What is known of the keys by now; those never heard of are left out."""
        # What was put down and not flushed is not in the ledger yet.
        here = {key: self._rows[key] for key in keys if key in self._rows}
        here |= {key: self._current[key] for key in keys if key in self._current}
        return self.ledger.keys.known([key for key in keys if key not in here]) | here

    def hold(self, task: Task, known: ObjectMapping) -> None:
        """Keep at hand what is known of the task's key, until it is released."""
        task.held = True
        self._current.setdefault(known.key, known)
        self._users[known.key] = self._users.get(known.key, 0) + 1

    def release(self, task: Task) -> None:
        if task.held and task.key:
            task.held = False
            self._users[task.key] -= 1
            if not self._users[task.key]:
                del self._users[task.key], self._current[task.key]

    def of(self, task: Task) -> ObjectMapping:
        """What is known of the key of a task that holds it."""
        assert task.key
        return self._current[task.key]

    def put(self, known: ObjectMapping) -> None:
        """What is known of a key is this from now on."""
        if known.key in self._current:
            self._current[known.key] = known
        self._rows[known.key] = known
        self._ids.pop(known.key, None)

    def ids(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Any]:
        """Invoiced's ids of the objects that these keys stand for, where there are such."""
        found = {key: self._ids[key] for key in keys if key in self._ids}
        unknown = [key for key in keys if key not in found]
        fresh = {
            key: known.alive
            for key, known in (self.look_up(unknown) if unknown else {}).items()
            if known.alive is not None
        }
        self._ids.update(fresh)
        while len(self._ids) > MOST_IDS_REMEMBERED:
            self._ids.popitem(last=False)
        return found | fresh

    def owner(self, resource: str, id: int | str) -> ExternalKey | None:
        """The key that has the object already."""
        for known in (*self._rows.values(), *self._current.values()):
            if known.key.resource == resource and known.alive == id:
                return known.key
        return self.ledger.keys.owner(resource, id)

    def see(self, version: int, key: ExternalKey) -> None:
        """The key is part of this version of its table."""
        if key in self._current:
            self._current[key] = replace(self._current[key], version=version)
        if key in self._rows:
            self._rows[key] = replace(self._rows[key], version=version)
        self._seen.setdefault(version, []).append(key)

    # The journal

    def enter(
        self,
        task: Task,
        stage: Stage,
        idempotency_key: str,
        announced_at: int,
        made: str | None = None,
    ) -> None:
        """Put down how far a record without a key has come; `made` is the path of its object."""
        assert task.ordinal is not None
        self.journal_in_use = True
        entry = Entry(
            segment=task.segment,
            ordinal=task.ordinal,
            digest=task.digest,
            stage=stage,
            idempotency_key=idempotency_key,
            announced_at=announced_at,
        )
        if task.entry and task.entry.ordinal != task.ordinal:
            self._replaced.append(task.entry.ordinal)
        task.entry = entry
        self._entries[entry.ordinal] = Journaled(entry, made)

    def strike(self, task: Task) -> None:
        """The announced record was not sent after all."""
        assert task.ordinal is not None
        self._entries.pop(task.ordinal, None)
        self._replaced.append(task.ordinal)

    # Records that wait

    def park(self, task: Task, missing: Reference) -> None:
        """Keep the record until what it refers to has come. Raises InvalidInputError if memory is full."""
        self.unpark(task)
        self.parked += 1
        if not self.ledger.durable:
            if self.parked > MOST_IN_MEMORY:
                raise InvalidInputError(
                    f"more than {MOST_IN_MEMORY} records wait for objects that they refer to. Give "
                    "a `ledger` to keep them in, or send the objects first."
                )
            self._in_memory.setdefault(told(missing), []).append(task)
            return
        schema, allowed = task.stream.schema, task.stream.planner.allow_card_like
        self._parking.append(
            Parked(
                key=task.key,
                resource=task.stream.resource or "",
                missing=told(missing),
                idempotency_key=uuid.uuid4().hex,
                line=task.message.line,
                stream=task.stream.name,
                # Attributes that are not sent may show what is not to be kept.
                record=exact_json.dumps(without_card_numbers(task.record, allowed)),
                schema=exact_json.dumps([schema.schema, schema.key_properties]),
            )
        )

    def unpark(self, task: Task) -> None:
        """The record waits no more."""
        if task.parked is not None and task.parked.number is not None:
            self._unparking.append(task.parked.number)
            self.parked -= 1
            task.parked = None

    def keep_waiting(self, task: Task, *, refused: bool = False) -> None:
        """The record stays where it waits, counted as a reject.

        It goes on waiting for what it refers to, or, if Invoiced refused it, for a newer record of
        its key, which takes over what it tells.
        """
        if task.parked is not None and task.parked.number is not None:
            missing = {"missing": told(MENDED)} if refused else {}
            self.ledger.parked.amend(task.parked.number, told=True, **missing)
            if refused:
                self._taken_up.discard(task.parked.number)
                self._refused.add(task.parked.number)
            task.parked = None

    def waiting_here(self, references: Iterable[Reference] | None = None) -> list[Task]:
        """Records that wait in memory until one of these comes; all of them, if none are given."""
        names = list(self._in_memory) if references is None else map(told, references)
        here = [task for name in names for task in self._in_memory.pop(name, ())]
        self.parked -= len(here)
        return here

    def waiting(self, references: Iterable[Reference] | None = None) -> Iterator[list[Parked]]:
        """Records that wait in the ledger until one of these comes; all of them, without.

        Page by page, in order, each to be asked for after a `flush`. What is parked meanwhile is
        left out: it may be one of them again.
        """
        missing = None if references is None else [told(one) for one in references]
        upto, beyond = self.ledger.parked.newest(), 0
        while rows := self.ledger.parked.page(beyond, upto, PARKED_PER_PAGE, missing):
            beyond = rows[-1].number or upto
            yield rows

    def revive(self, parked: Parked) -> bool:
        """Whether the record goes on as it is; False if it did before in this run."""
        return parked.number not in self._refused and self.take_up(parked)

    def take_up(self, parked: Parked) -> bool:
        """Whether the record is dealt with from now on; False if that was begun before."""
        if parked.number is None or parked.number in self._taken_up:
            return False
        self._taken_up.add(parked.number)
        return True

    def waiting_under(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Parked]:
        """Parked records of these keys. To be asked after a `flush`."""
        return self.ledger.parked.under(keys) if self.parked and keys else {}

    def owe(self, answer: bytes) -> None:
        """The webhook is to have this answer."""
        self._owed.append(answer)

    def renewal(self, task: Task) -> Callable[[str], None]:
        """Tells the ledger at once, from any thread, that a create goes out under another key."""
        known, ledger, now = (
            self._current.get(task.key) if task.key else None,
            self.ledger,
            self.now,
        )

        def renew(idempotency_key: str) -> None:
            if known is not None:
                ledger.keys.renew(known, idempotency_key, int(now()))
            elif task.parked is not None and task.parked.number is not None:
                ledger.parked.amend(
                    task.parked.number, idempotency_key=idempotency_key, announced_at=int(now())
                )
            elif task.entry is not None:
                entry = replace(
                    task.entry, idempotency_key=idempotency_key, announced_at=int(now())
                )
                ledger.journal.enter([Journaled(entry)])

        return renew
