"""Whatever happens to a pipeline, each record is written once, or rejected where that is in doubt.

A simulated world: sources that grow, taps that replay, an account, and whatever may go wrong. The
world knows what its sources mean, record by record. That is its own ledger, and what it holds
against the account has nothing to do with how the target works.

About 2,500 steps by default; with SOAK_STEPS in the environment, so many: `make soak`.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from invoiced_emulator import Account, Server

API_KEY = "emulator-key"
KEYS = ("k1", "k2", "k3")
Message = dict[str, Any]

SCHEMAS = {
    "customers": {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]},
    "notes": {"type": "SCHEMA", "stream": "notes", "schema": {}, "key_properties": []},
    "payments": {"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": []},
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


# Reasons of rejects that say that the record is wrong, or what it refers to never came.
NO_DOUBT = ("it refers to", "`amount` ", "POST /payments refused (400)")


@dataclass(frozen=True, slots=True)
class Rules:
    """What may happen in a world. Only lost STATEs leave doubt of what was meant."""

    loses_states: bool = True
    equal_records: bool = True
    shuffles: bool = True
    pipelines: bool = True
    waits: bool = True
    keeps_rejects: bool = True


# How a run may die: at any request, or at the first writes or STATEs, while a commit takes long.
# What has to be durable by then must not be on its way to the disk.
DEATHS: tuple[Callable[[random.Random], dict[str, Any]], ...] = (
    lambda rng: {},
    lambda rng: {"requests": rng.randrange(1, 12)},
    lambda rng: {"writes": rng.randrange(1, 6), "commit_s": SLOW_COMMIT_S},
    lambda rng: {"states": rng.randrange(1, 3), "commit_s": SLOW_COMMIT_S},
)
SLOW_COMMIT_S = 0.01


class World:
    """`steps` counts messages, requests, STATEs and deaths."""

    def __init__(self, seed: int, rules: Rules, forks: Any, trouble: Any, folder: Path) -> None:
        self.rng, self.rules, self.seed = random.Random(seed), rules, seed
        self._forks, self._folder = forks, folder
        self.steps = 0
        self.history: list[str] = []
        self._now = 1_772_366_400.0
        self.account = Account(api_key=API_KEY, now=lambda: self._now)
        self.trouble, self._death = trouble[0](self), trouble[1]
        self._numbers: Counter[str] = Counter()
        self.reasons: set[str] = set()
        self._parked: set[str] = set()
        self._known: set[str] = set()
        self.pipelines = [Pipeline(None, ("customers", "notes", "payments"))]
        if rules.pipelines:
            self.pipelines.append(Pipeline("other", ("notes", "payments")))

    def log(self, line: str) -> None:
        self.history.append(line)

    # The sources

    def _record(self, pipeline: Pipeline) -> tuple[str, Message]:
        rng, stream = self.rng, self.rng.choice(pipeline.streams)
        key = rng.choice(KEYS)
        self._numbers[stream] += 1
        number = self._numbers[stream]
        if stream == "customers":
            return stream, {"id": key, "name": f"{key} v{number}"}
        which = rng.choice("xy") if self.rules.equal_records else str(number)
        if pipeline.name and not self.rules.equal_records:
            which += pipeline.name
        if stream == "notes":
            return stream, {"customer": key, "notes": f"{key} {which}"}
        amount: Any = "much" if self.rules.keeps_rejects and rng.random() < 0.1 else 5
        return stream, {"customer": key, "amount": amount, "reference": f"{key} {which}"}

    def grow(self, pipeline: Pipeline) -> None:
        if not self.rules.waits and not self.pipelines[0].source:
            first = [("customers", {"id": key, "name": f"{key} v0"}) for key in KEYS]
            self.pipelines[0].source += first
        for _ in range(self.rng.randrange(6)):
            pipeline.source.append(self._record(pipeline))
            if self.rng.random() < 0.3:
                pipeline.ends.add(len(pipeline.source))
        pipeline.ends.add(len(pipeline.source))

    def messages(self, pipeline: Pipeline, start: int) -> list[Message]:
        """What the tap writes from there on."""
        found: list[Message] = []
        segment: list[tuple[str, Message]] = []
        known: set[str] = set()

        def flush() -> None:
            if self.rules.shuffles and self.rng.random() < 0.3:
                self.rng.shuffle(segment)
                customers = iter(sorted((r for s, r in segment if s == "customers"), key=_version))
                segment[:] = [(s, next(customers) if s == "customers" else r) for s, r in segment]
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

    # A run

    def run(self, pipeline: Pipeline, *, quiet: bool = False) -> int:
        """One run of a pipeline, with its faults; its exit code."""
        rng, trouble = self.rng, self.trouble
        start = pipeline.start(rng, loses=self.rules.loses_states and not quiet)
        messages = self.messages(pipeline, start)
        whole = len(messages)
        trouble.death, trouble.share = self._death(), 0.0
        if not quiet:
            if rng.random() < 0.3:
                messages = messages[: rng.randrange(whole + 1)]
            trouble.death = self._death(**rng.choice(DEATHS)(rng))
            if rng.random() < 0.5:
                trouble.share = rng.choice((0.05, 0.2, 0.9))
        self.log(
            f"run of {pipeline.name or 'main'} from {start}, {len(messages)}/{whole} messages, "
            f"{trouble.death}, faults {trouble.share}"
        )
        for message in messages:
            self.log(f"  {message.get('record') or message.get('value') or message['stream']}")
        # The ledger knows the customers that a STATE covers; a record of another one may be parked.
        main = self.pipelines[0]
        covered = main.source[: main.covered]
        self._known = {record["id"] for stream, record in covered if stream == "customers"}
        self.steps += len(messages) + 1
        code = self._target(pipeline, messages)
        self.log(f"  exit code {code}")
        self._now += rng.randrange(1, 60)
        return code

    def _target(self, pipeline: Pipeline, messages: list[Message]) -> int:
        settings = {
            "api_key": API_KEY,
            "base_url": self.url,
            "ids": "external",
            "ledger": f"sqlite:///{self._folder}/ledger-{self.seed}.db",
            "rejects": str(self.rejects) if self.rules.keeps_rejects else None,
            "max_rejects": -1,
            "max_retry_seconds": 30,
            "max_connections": self.rng.choice((1, 1, 3)),
            "account": "world",
        }
        if pipeline.name:
            settings["pipeline"] = pipeline.name
        config = self._folder / "config.json"
        config.write_text(json.dumps(settings))
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        with (self._folder / "log").open("wb") as log:
            request = {
                "arguments": ["--config", str(config)],
                "environment": {},
                "later_s": self._now - 1_772_366_400,
                # A disk is slow where a kill may fall between a commit and what has to follow it.
                "commit_s": self.trouble.death.commit_s,
            }
            files = [their_in, their_out, log.fileno()]
            self.trouble.target = self._forks.start(request, files)
        os.close(their_in)
        os.close(their_out)
        content = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
        feeder = Thread(target=_feed, args=(our_out, content))
        feeder.start()
        try:
            with os.fdopen(our_in, "rb") as lines:
                for line in lines:
                    if line.endswith(b"\n"):
                        self._told(pipeline, json.loads(line))
        except AssertionError:
            self.trouble.kill()
            raise
        finally:
            feeder.join()
            code = self._forks.wait()
            self.trouble.target = None
        return code

    def _told(self, pipeline: Pipeline, value: Message) -> None:
        self.steps += 1
        (position,) = value.values()
        pipeline.told = [one for one in pipeline.told if one < position] + [position]
        pipeline.covered = max(pipeline.covered, position)
        if self.trouble.death.states:
            self.trouble.death.states -= 1
            if not self.trouble.death.states:
                self.log("  killed at a STATE")
                self.trouble.kill()
        self._check_state(value)

    # The oracle

    @property
    def rejects(self) -> Path:
        return self._folder / f"rejects-{self.seed}"

    def rejected(self) -> Counter[str]:
        """How often each content was refused, by the file of rejects."""
        lines = self.rejects.read_bytes().splitlines() if self.rejects.exists() else ()
        found: Counter[str] = Counter()
        for line in lines:
            with suppress(ValueError):
                message = json.loads(line)
                if message["type"] == "RECORD":
                    self.reasons.add(message["reject"]["reason"])
                    found[meant(message["stream"], message["record"])] += 1
        return found

    def written(self) -> Counter[str]:
        """How often each content is in the account."""
        names = {row["id"]: row["name"].split()[0] for row in self.account.objects("customers")}
        found: Counter[str] = Counter()
        for row in self.account.objects("notes"):
            assert names[row["customer"]] == row["notes"].split()[0], f"another's: {row}"
            found[f"notes {row['notes']}"] += 1
        for row in self.account.objects("payments"):
            assert names[row["customer"]] == row["reference"].split()[0], f"another's: {row}"
            found[f"payments {row['reference']} {row['amount']}"] += 1
        return found

    def wanted(self, upto: Callable[[Pipeline], int]) -> Counter[str]:
        return Counter(
            meant(stream, record)
            for pipeline in self.pipelines
            for stream, record in pipeline.source[: upto(pipeline)]
            if stream != "customers"
        )

    def _check_state(self, value: Message) -> None:
        """No STATE is ahead of what is written, rejected, or parked for want of its customer."""
        have = self.written() + self.rejected()
        for content, times in self.wanted(lambda pipeline: pipeline.covered).items():
            if content.split()[1] not in self._known:
                self._parked.add(content)
            if content not in self._parked:
                assert have[content] >= times, f"STATE {value} is ahead: {content}"

    def check(self) -> None:
        """Nothing was doubled, lost, or given to another. Call it when everything has been sent."""
        written, rejected = self.written(), self.rejected()
        wanted = self.wanted(lambda pipeline: len(pipeline.source))
        for content in sorted(wanted | written):
            assert written[content] <= wanted[content], f"doubled: {content}"
            assert written[content] + rejected[content] >= wanted[content], f"lost: {content}"
        customers = [row["name"] for row in self.account.objects("customers")]
        last = {r["id"]: r["name"] for s, r in self.pipelines[0].source if s == "customers"}
        assert sorted(customers) == sorted(last.values()), "customers are not as they were last"
        if not self.rules.loses_states:
            in_doubt = [one for one in self.reasons if not one.startswith(NO_DOUBT)]
            assert not in_doubt, f"rejected without doubt: {in_doubt}"

    def live(self, runs: int) -> None:
        """Some runs with faults, then runs without. AssertionError with the history."""
        faults = self.trouble
        with Server(self.account, faults=faults) as server:
            self.url = server.url
            try:
                for _ in range(runs):
                    pipeline = self.rng.choice(self.pipelines)
                    self.grow(pipeline)
                    self.run(pipeline)
                for key in KEYS:
                    self._numbers["customers"] += 1
                    last = {"id": key, "name": f"{key} v{self._numbers['customers']}"}
                    self.pipelines[0].source.append(("customers", last))
                for pipeline in [*self.pipelines, *self.pipelines]:
                    self.grow(pipeline)
                    code = self.run(pipeline, quiet=True)
                    assert code == 0, f"exit code {code}"
                self.check()
            except AssertionError as problem:
                self.log((self._folder / "log").read_text())
                lines = "\n".join(self.history)
                raise AssertionError(
                    f"{problem}\nseed {self.seed}, {self.rules}\n{lines}"
                ) from None


def meant(stream: str, record: Message) -> str:
    """A record without a key, as the oracle counts it."""
    if stream == "payments":
        return f"payments {record['reference']} {record['amount']}"
    return f"{stream} {record.get('notes') or record.get('id')}"


def _version(record: Message) -> int:
    return int(record["name"].split(" v")[1])


def _feed(number: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(number, "wb") as file:
        file.write(content)


STEPS = int(os.environ.get("SOAK_STEPS", "2500"))
RUNS_PER_WORLD = 8
WORLDS = {
    "one-pipeline": {"pipelines": False, "loses_states": False, "waits": False},
    "different-records": {"equal_records": False},
    "no-state-lost": {"loses_states": False},
    "waiting-in-the-ledger": {"loses_states": False, "keeps_rejects": False},
    "all": {},
}
pytestmark = pytest.mark.timeout(max(120, STEPS // 10))


@pytest.mark.parametrize("kind", WORLDS)
def test_nothing_is_doubled_lost_or_given_to_another(forks, trouble, tmp_path, kind):
    steps = 0
    for seed in count():
        if steps >= STEPS / len(WORLDS):
            break
        one = World(seed, Rules(**WORLDS[kind]), forks, trouble, tmp_path)
        one.live(RUNS_PER_WORLD)
        steps += one.steps
