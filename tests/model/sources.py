"""Sources of a simulated world: records, and the taps that send them."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]

KEYS = ("k1", "k2", "k3")
# Customers that nothing refers to, which are deleted and created again.
LEADS = ("d1", "d2")

SCHEMAS = {
    "customers": {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]},
    "notes": {"type": "SCHEMA", "stream": "notes", "schema": {}, "key_properties": []},
    "payments": {"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": []},
    "leads": {"type": "SCHEMA", "stream": "leads", "schema": {}, "key_properties": ["id"]},
    "calls": {"type": "SCHEMA", "stream": "calls", "schema": {}, "key_properties": []},
}
KEYED = ("customers", "leads")
STREAMS = {
    "leads": {"endpoint": "customers"},
    "calls": {"method": "POST", "path": "/customers/{customer}/contacts"},
}


@dataclass(slots=True)
class Pipeline:
    """A source, and what a tap has stored of it: up to which of its records each STATE covers.

    `source` holds streams and records, `ends` the positions behind which the tap writes STATE.
    `told` are the positions of the STATEs that came out, by run; `covered` is the greatest.
    """

    name: str | None
    streams: tuple[str, ...]
    source: list[tuple[str, Message]] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    told: list[int] = field(default_factory=list)
    covered: int = 0

    def start(self, rng: random.Random, *, loses: bool) -> int:
        """Where the tap goes on: at the last STATE, or at the one before, if that was lost."""
        if loses and len(self.told) > 1 and rng.random() < 0.25:
            self.told.pop()
        return self.told[-1] if self.told else 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What may happen in a world.

    Only lost STATEs leave doubt of what was meant, and only a new API key or a day that passes
    leaves doubt of what was done.
    """

    loses_states: bool = True
    equal_records: bool = True
    shuffles: bool = True
    pipelines: bool = True
    waits: bool = True
    keeps_rejects: bool = True
    changes_keys: bool = False
    days_pass: bool = False


class Sources:
    """The pipelines of a world. The first one alone has customers."""

    def __init__(self, rng: random.Random, rules: Rules) -> None:
        self._rng, self._rules = rng, rules
        self._numbers: Counter[str] = Counter()
        self.pipelines = [Pipeline(None, ("customers", "leads", "notes", "payments", "calls"))]
        if rules.pipelines:
            self.pipelines.append(Pipeline("other", ("notes", "payments", "calls")))

    def _record(self, pipeline: Pipeline) -> tuple[str, Message]:
        rng, stream = self._rng, self._rng.choice(pipeline.streams)
        key = rng.choice(KEYS)
        self._numbers[stream] += 1
        number = self._numbers[stream]
        if stream == "customers":
            return stream, {"id": key, "name": f"{key} v{number}"}
        if stream == "leads":
            key = rng.choice(LEADS)
            ended = {"_sdc_deleted_at": "2026-03-01T00:00:00Z"} if rng.random() < 0.4 else {}
            return stream, {"id": key, "name": f"{key} v{number}", **ended}
        which = rng.choice("xy") if self._rules.equal_records else str(number)
        if pipeline.name and not self._rules.equal_records:
            which += pipeline.name
        if stream == "notes":
            return stream, {"customer": key, "notes": f"{key} {which}"}
        if stream == "calls":
            return stream, {"customer": key, "name": f"{key} {which}"}
        amount: Any = "much" if self._rules.keeps_rejects and rng.random() < 0.1 else 5
        return stream, {"customer": key, "amount": amount, "reference": f"{key} {which}"}

    def grow(self, pipeline: Pipeline) -> None:
        if not self._rules.waits and not self.pipelines[0].source:
            first = [("customers", {"id": key, "name": f"{key} v0"}) for key in KEYS]
            self.pipelines[0].source += first
        for _ in range(self._rng.randrange(6)):
            pipeline.source.append(self._record(pipeline))
            if self._rng.random() < 0.3:
                pipeline.ends.add(len(pipeline.source))
        pipeline.ends.add(len(pipeline.source))

    def messages(self, pipeline: Pipeline, start: int) -> list[Message]:
        """What the tap writes from there on."""
        found: list[Message] = []
        segment: list[tuple[str, Message]] = []
        known: set[str] = set()

        def flush() -> None:
            if self._rules.shuffles and self._rng.random() < 0.3:
                self._rng.shuffle(segment)
                keyed = {
                    name: iter(sorted((r for s, r in segment if s == name), key=_version))
                    for name in KEYED
                }
                segment[:] = [(s, next(keyed[s]) if s in keyed else r) for s, r in segment]
            for stream, record in segment:
                if stream not in known:
                    known.add(stream)
                    found.append(SCHEMAS[stream])
                found.append({"type": "RECORD", "stream": stream, "record": record})
            segment.clear()

        for position, one in enumerate(pipeline.source[start:], start + 1):
            segment.append(one)
            if position in pipeline.ends:
                flush()
                found.append({"type": "STATE", "value": {pipeline.name or "main": position}})
        flush()
        return found

    def add_last_versions(self) -> None:
        """A last version of each customer that others refer to."""
        for key in KEYS:
            self._numbers["customers"] += 1
            last = {"id": key, "name": f"{key} v{self._numbers['customers']}"}
            self.pipelines[0].source.append(("customers", last))

    def wanted(
        self,
        upto: Callable[[Pipeline], int],
        since: Callable[[Pipeline], int] = lambda pipeline: 0,
    ) -> Counter[str]:
        return Counter(
            meant(stream, record)
            for pipeline in self.pipelines
            for stream, record in pipeline.source[since(pipeline) : upto(pipeline)]
            if stream not in KEYED
        )

    def last(self) -> dict[str, str | None]:
        """The name of each customer as it was last; None for one that was deleted."""
        return {
            record["id"]: None if record.get("_sdc_deleted_at") else record["name"]
            for stream, record in self.pipelines[0].source
            if stream in KEYED
        }


def meant(stream: str, record: Message) -> str:
    """A record without a key, as the oracle counts it."""
    match stream:
        case "payments":
            return f"payments {record['reference']} {record['amount']}"
        case "calls":
            return f"calls {record['name']}"
    return f"{stream} {record.get('notes') or record.get('id')}"


def _version(record: Message) -> int:
    return int(record["name"].split(" v")[1])
