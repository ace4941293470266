"""Killed anywhere and started again from its last STATE, the pipe writes everything exactly once.

A few crashes by default. With SOAK_CRASHES in the environment, about so many: `make soak`.
"""

import itertools
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from invoiced_emulator import Account, Server
from invoiced_emulator.http.faults import Fault

CRASHES = int(os.environ.get("SOAK_CRASHES", "20"))
CRASHES_PER_TEST = 5
# After each, what was under way is left alone for five seconds; a busy machine takes its own time.
pytestmark = pytest.mark.timeout(300)
# Six in ten of the crashes hit copies, the others records without a key.
COPIES = range(max(1, CRASHES * 6 // 10 // CRASHES_PER_TEST))
KEYLESS = range(max(1, CRASHES * 2 // 10 // CRASHES_PER_TEST))


@dataclass(frozen=True, slots=True)
class Death:
    """The process that dies at a request, and the fate of that request.

    `at` is the server that counts requests, or "state" where the STATEs that come out are counted;
    `most` bounds how many of them the pipe lives to see.
    """

    at: str
    most: int
    whom: tuple[str, ...]
    fault: Fault | None = None


NEVER_CARRIED_OUT = Fault(kind="drop_before")
ANSWER_LOST = Fault(kind="drop_after")
# The request arrives, and is carried out while the next run is starting.
CARRIED_OUT_LATE = Fault(kind="stall", seconds=1.5)

DEATHS = (
    Death("copy", 40, ("target",)),
    Death("copy", 40, ("tap", "target")),
    Death("copy", 40, ("target",), NEVER_CARRIED_OUT),
    Death("copy", 40, ("tap", "target"), CARRIED_OUT_LATE),
    Death("copy", 40, ("target",), CARRIED_OUT_LATE),
    Death("source", 12, ("tap",)),
    Death("source", 12, ("tap", "target")),
    Death("state", 2, ("target",)),
    Death("state", 2, ("tap", "target")),
)

AT_A_FEW_REQUESTS = (
    *(replace(death, most=10) for death in DEATHS if death.at == "copy"),
    Death("state", 2, ("target",)),
)
# More requests than any copy takes.
NEVER = 10**9
THE_TAP_ALONE = Death("records", 24, ("tap",))


class Reaper:
    """Runs a pipe to one death after the other, then to its end."""

    def __init__(self, pipe: Any, fuses: dict[str, Any], rng: random.Random) -> None:
        self._pipe, self._fuses, self._random = pipe, fuses, rng
        self.deaths = 0

    def kill(self, death: Death) -> None:
        before = self.deaths
        count = self._random.randrange(1, death.most + 1)
        left = itertools.count(count, -1)

        def burn() -> None:
            self.deaths += 1
            self._pipe.kill(*death.whom)

        def count_state() -> None:
            if next(left) == 1:
                burn()

        if death.at == "state":
            self._pipe.on_state = count_state
        else:
            self._fuses[death.at].light(count, burn, death.fault)
        ended = self._pipe.run()
        self._pipe.on_state = lambda: None
        if self.deaths == before:
            # What earlier runs left to do may end before that point.
            assert before and (ended.tap, ended.target) == (0, 0), f"nobody died:\n{ended.log}"
            for fuse in self._fuses.values():
                fuse.light(NEVER, lambda: None)

    def finish(self) -> None:
        ended = self._pipe.run()
        assert (ended.tap, ended.target) == (0, 0), ended.log


@pytest.mark.parametrize("seed", COPIES)
def test_a_copy_that_is_killed_again_and_again_is_the_same_copy(
    seed: int,
    shop: Account,
    whole_copy: Any,
    copying: Callable[..., Any],
    fuse: Callable[[], Any],
) -> None:
    rng = random.Random(seed)
    fuses = {"source": fuse(), "copy": fuse()}
    at = {name: {"before_request": one, "faults": one} for name, one in fuses.items()}
    copy = copying(shop, at_source=at["source"], at_copy=at["copy"])
    reaper = Reaper(copy.pipe, fuses, rng)
    # One that strikes while a write is on its way is always among them.
    for death in (rng.choice(DEATHS[:5]), *rng.sample(DEATHS, CRASHES_PER_TEST - 1)):
        reaper.kill(death)
    reaper.finish()
    assert copy.copied == whole_copy.copied
    shadows = [len(one.copy.account.objects("transactions")) for one in (copy, whole_copy)]
    assert shadows[0] == shadows[1]
    writes = copy.writes
    reaper.finish()
    assert copy.writes == writes


def test_an_answer_that_is_lost_before_the_kill_changes_nothing_either(
    shop: Account, whole_copy: Any, copying: Callable[..., Any], fuse: Callable[[], Any]
) -> None:
    """The emulator executes a write and never answers; the kill comes at its repetition."""
    at_copy = fuse()
    copy = copying(shop, at_copy={"before_request": at_copy, "faults": at_copy})

    def kill_at_the_next_request() -> None:
        at_copy.light(1, lambda: copy.pipe.kill("target"))

    at_copy.light(33, kill_at_the_next_request, ANSWER_LOST)
    assert copy.pipe.run().target < 0
    assert at_copy.burnt == 2
    assert copy.pipe.run().target == 0
    assert copy.copied == whole_copy.copied


# What stands in for a tap: it says the same whenever it is asked, and goes on from its STATE.
SCRIPT = """
import json, os, signal, sys

records, per_state, dies_after = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
begin = 0
if "--state" in sys.argv:
    with open(sys.argv[sys.argv.index("--state") + 1]) as file:
        begin = json.load(file)["done"]
schema = {"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": []}
print(json.dumps(schema), flush=True)
for number, record in enumerate(records[begin:], begin + 1):
    print(json.dumps({"type": "RECORD", "stream": "payments", "record": record}), flush=True)
    if number - begin == dies_after:
        os.kill(os.getpid(), signal.SIGKILL)
    if number % per_state == 0 or number == len(records):
        print(json.dumps({"type": "STATE", "value": {"done": number}}), flush=True)
"""


def payments(rng: random.Random) -> list[dict[str, Any]]:
    """Many are equal to others, and all of them are intended."""
    amounts = (10, 20.5, 99.99)
    return [
        {
            "customer": {"number": f"CUST-{rng.randrange(3)}"},
            "amount": rng.choice(amounts),
            "reference": rng.choice(("A", "B", "C", "D", "E")),
            "date": "2026-02-01T00:00:00Z",
        }
        for _ in range(80)
    ]


@pytest.mark.parametrize("seed", KEYLESS)
@pytest.mark.parametrize("ids", ["external", "invoiced"])
def test_equal_payments_without_a_key_are_each_recorded_once(
    ids: str, seed: int, account: Account, fuse: Callable[[], Any], piping: Callable[..., Any]
) -> None:
    """Where the tap alone dies, the last STATE that came out is lost as well, as by its reader."""
    rng = random.Random(seed)
    for number in range(3):
        account.add("customers", name="Acme", number=f"CUST-{number}")
    records = payments(rng)
    assert len({json.dumps(one) for one in records}) < len(records) - 20
    tap = [sys.executable, "-c", SCRIPT, json.dumps(records), str(rng.randrange(3, 9))]
    at_copy = fuse()
    with Server(account, before_request=at_copy, faults=at_copy) as server:
        pipe = piping(server, ids=ids)
        reaper = Reaper(pipe, {"copy": at_copy}, rng)
        deaths = [*rng.sample(AT_A_FEW_REQUESTS, CRASHES_PER_TEST - 1), THE_TAP_ALONE]
        for death in rng.sample(deaths, len(deaths)):
            if death is THE_TAP_ALONE:
                stored, pipe.tap = pipe.state, [*tap, str(rng.randrange(8, 24))]
                assert pipe.run().tap < 0
                pipe.state = [stored, stored, *pipe.states][-2]
            else:
                pipe.tap = [*tap, "0"]
                reaper.kill(death)
        pipe.tap = [*tap, "0"]
        reaper.finish()
    numbers = {row["id"]: row["number"] for row in account.objects("customers")}
    made = Counter(
        (numbers[row["customer"]], row["amount"], row["reference"])
        for row in account.objects("payments")
    )
    assert made == Counter(
        (one["customer"]["number"], one["amount"], one["reference"]) for one in records
    )
