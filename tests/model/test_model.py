"""Whatever happens to a pipeline, each record is written once, or rejected where that is in doubt.

A simulated world: sources that grow, taps that replay, an account, and whatever may go wrong. The
world knows what its sources mean, record by record. That is its own ledger, and what it holds
against the account has nothing to do with how the target works.

About 2,000 steps by default; with SOAK_STEPS in the environment, so many: `make soak`.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from invoiced_emulator import Account, Server
from tests.model.sources import KEYED, STREAMS, Message, Pipeline, Rules, Sources, meant

DAY_S = 24 * 3600
# Reasons of rejects that say that the record is wrong, or what it refers to never came.
NO_DOUBT = ("it refers to", "`amount` ", "POST /payments refused (400)")
# The reasons for one whose idempotency key Invoiced no longer remembers, and for its removal.
EXPIRED = (
    "a run that died a day or more ago sent it",
    "it is to be deleted, but it is not known whether an earlier run created it",
)


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
        self.account = Account(api_key="key-0", now=lambda: self._now)
        self.trouble, self._death = trouble[0](self), trouble[1]
        self.reasons: set[str] = set()
        self.doubted: set[str] = set()
        self._parked: set[str] = set()
        self._known: set[str] = set()
        # How often each content may be written more than it is wanted.
        self._again: Counter[str] = Counter()
        self.sources = Sources(self.rng, rules)
        self.pipelines = self.sources.pipelines

    def log(self, line: str) -> None:
        self.history.append(line)

    # A run

    def run(self, pipeline: Pipeline, *, quiet: bool = False) -> int:
        """One run of a pipeline, with its faults; its exit code."""
        rng, trouble = self.rng, self.trouble
        if not quiet:
            self._befall()
        start = pipeline.start(rng, loses=self.rules.loses_states and not quiet)
        messages = self.sources.messages(pipeline, start)
        whole = len(messages)
        trouble.death, trouble.share, torn = self._death(), 0.0, 0
        if not quiet:
            if rng.random() < 0.3:
                messages = messages[: rng.randrange(whole + 1)]
                torn = rng.choice((0, 1, 2, rng.randrange(60)))
            trouble.death = self._death(**rng.choice(DEATHS)(rng))
            if rng.random() < 0.5:
                trouble.share = rng.choice((0.05, 0.2, 0.9))
        self.log(
            f"run of {pipeline.name or 'main'} from {start}, {len(messages)}/{whole} messages, "
            f"{trouble.death}, faults {trouble.share}, without the last {torn} bytes"
        )
        for message in messages:
            self.log(f"  {message.get('record') or message.get('value') or message['stream']}")
        # The ledger knows the customers that a STATE covers; a record of another one may be parked.
        main = self.pipelines[0]
        covered = main.source[: main.covered]
        self._known = {record["id"] for stream, record in covered if stream == "customers"}
        self.steps += len(messages) + 1
        content = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
        code = self._target(pipeline, content[: max(0, len(content) - torn)])
        self.log(f"  exit code {code}")
        self._now += rng.randrange(1, 60)
        return code

    def _befall(self) -> None:
        """What may happen between two runs."""
        if self.rules.changes_keys and self.rng.random() < 0.1:
            self.account.api_key = f"key-{self.rng.random()}"
            self.log("another API key")
        if self.rules.days_pass and self.rng.random() < 0.2:
            self._now += DAY_S
            self.log("a day passes")
            # What no STATE covers is forgotten by now, and comes again.
            self._again += self.sources.wanted(
                lambda pipeline: len(pipeline.source),
                lambda pipeline: pipeline.told[-1] if pipeline.told else 0,
            )

    def _config(self, pipeline: Pipeline) -> Path:
        settings = {
            "api_key": self.account.api_key,
            "base_url": self.url,
            "ids": "external",
            "ledger": f"sqlite:///{self._folder}/ledger-{self.seed}.db",
            "rejects": str(self.rejects) if self.rules.keeps_rejects else None,
            "max_rejects": -1,
            "max_retry_seconds": 30,
            "max_connections": self.rng.choice((1, 1, 3)),
            "account": "world",
            "streams": STREAMS,
        }
        if pipeline.name:
            settings["pipeline"] = pipeline.name
        config = self._folder / "config.json"
        config.write_text(json.dumps(settings))
        return config

    def _target(self, pipeline: Pipeline, content: bytes) -> int:
        config = self._config(pipeline)
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
                    if message["stream"] in KEYED:
                        self.doubted.add(message["record"]["id"])
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
        for row in self.account.objects("contacts"):
            parent = self.account.private("contacts", row["id"])["_customer"]
            assert names[parent] == row["name"].split()[0], f"another's: {row}"
            found[f"calls {row['name']}"] += 1
        return found

    def _check_state(self, value: Message) -> None:
        """No STATE is ahead of what is written, rejected, or parked for want of its customer."""
        have = self.written() + self.rejected()
        for content, times in self.sources.wanted(lambda pipeline: pipeline.covered).items():
            # One whose create was in doubt was rejected, so the ledger does not know it.
            if content.split()[1] not in self._known - self.doubted:
                self._parked.add(content)
            if content not in self._parked:
                assert have[content] >= times, f"STATE {value} is ahead: {content}"

    def check(self) -> None:
        """Nothing was doubled, lost, or given to another. Call it when everything has been sent."""
        written, rejected = self.written(), self.rejected()
        wanted = self.sources.wanted(lambda pipeline: len(pipeline.source))
        for content in sorted(wanted | written):
            most = wanted[content] + self._again[content]
            assert written[content] <= most, f"doubled: {content}"
            assert written[content] + rejected[content] >= wanted[content], f"lost: {content}"
        customers = [row["name"] for row in self.account.objects("customers")]
        last = self.sources.last()
        doubtful = self.rules.changes_keys or self.rules.days_pass
        if not doubtful:
            assert not self.doubted, f"rejected: {self.doubted}"
        assert sorted(name for name in customers if name.split()[0] not in self.doubted) == sorted(
            name for key, name in last.items() if name and key not in self.doubted
        ), "customers are not as they were last"
        if not self.rules.loses_states:
            known = (*NO_DOUBT, *EXPIRED) if doubtful else NO_DOUBT
            in_doubt = [one for one in self.reasons if not one.startswith(known)]
            assert not in_doubt, f"rejected without doubt: {in_doubt}"

    def live(self, runs: int) -> None:
        """Some runs with faults, then runs without. AssertionError with the history."""
        faults = self.trouble
        with Server(self.account, faults=faults) as server:
            self.url = server.url
            try:
                for _ in range(runs):
                    pipeline = self.rng.choice(self.pipelines)
                    self.sources.grow(pipeline)
                    self.run(pipeline)
                self.sources.add_last_versions()
                for pipeline in [*self.pipelines, *self.pipelines]:
                    self.sources.grow(pipeline)
                    code = self.run(pipeline, quiet=True)
                    assert code == 0, f"exit code {code}"
                self.check()
            except AssertionError as problem:
                self.log((self._folder / "log").read_text())
                lines = "\n".join(self.history)
                raise AssertionError(
                    f"{problem}\nseed {self.seed}, {self.rules}\n{lines}"
                ) from None


def _feed(number: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(number, "wb") as file:
        file.write(content)


STEPS = int(os.environ.get("SOAK_STEPS", "2000"))
RUNS_PER_WORLD = 8
WORLDS = {
    "one-pipeline": {"pipelines": False, "loses_states": False, "waits": False},
    "different-records": {"equal_records": False},
    "no-state-lost": {"loses_states": False},
    "waiting-in-the-ledger": {"loses_states": False, "keeps_rejects": False},
    "another-api-key": {"loses_states": False, "changes_keys": True},
    "days-later": {"loses_states": False, "days_pass": True},
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
