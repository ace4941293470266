"""What is measured of the target, and against what."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path

from benchmarks import lists, table
from benchmarks.accounts import Emulator, Size, emulator
from benchmarks.bare_writer import bare_writer
from benchmarks.customers import STREAM, Record, customers, with_ids
from benchmarks.runs import RunFailedError, seconds_to_end
from benchmarks.table import Row
from benchmarks.targets import CONNECTIONS, OURS, Load, OurTarget, PeerTarget

TIMEOUT_S = 900
HELPS = 7
LEDGER = "bench-ledger.db"
PEER_MS = 50
CONNECTIONS_AT_0_MS = 4  # more only make the bare writer's threads wait for each other

# What the target set out to reach.
SHARE_OF_BOUND, SHARE_WITH_LEDGER, TIMES_PEER = 0.9, 0.75, 15
CPU_MS, UNCHANGED_PER_S, PEAK_MB, HELP_S = 2, 10_000, 120, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteScale:
    """How much is written: for so many `seconds` at the bound where answers are late.

    The peer writes for `peer_seconds`, which does not change its pace: one request follows the
    other. `created` and `unchanged` are numbers of lines where nothing waits; those that are
    unchanged show the customers that were created last, over and over.
    """

    latencies_ms: tuple[int, ...] = (20, 50, 100)
    seconds: int
    peer_seconds: int
    created: tuple[int, ...]
    unchanged: tuple[int, ...]


FULL_WRITES = WriteScale(
    seconds=10, peer_seconds=20, created=(1_000, 20_000), unchanged=(100_000, 1_000_000)
)
QUICK_WRITES = WriteScale(
    seconds=2, peer_seconds=4, created=(500, 1_000), unchanged=(10_000, 20_000)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetBench:
    """Measures our target and the peer. `folder` takes their files, `report` prints the step."""

    scale: WriteScale
    peer: PeerTarget
    folder: Path
    report: Callable[[str], None]

    def rows(self) -> Iterator[Row]:
        for latency_ms in self.scale.latencies_ms:
            yield from self._late(latency_ms)
        yield from self._at_once()
        seconds = seconds_to_end([OURS, "--help"], HELPS, TIMEOUT_S)
        yield table.alone("target, none", "--help, seconds", seconds, at_most=HELP_S)

    def _late(self, latency_ms: int) -> Iterator[Row]:
        """Where latency rules: how near to the bound of requests in flight the writes come."""
        bound = CONNECTIONS * 1000 / latency_ms
        count = int(self.scale.seconds * bound)
        with emulator(Size(), latency_ms) as server:
            self.report(f"{count:,} writes, {latency_ms} ms")
            bare = bare_writer(server.url, CONNECTIONS, count, TIMEOUT_S)
            yield table.more(
                f"bare writer, {latency_ms} ms", "writes/s", bare.writes_per_s, "bound", bound
            )
            peer = self._peer(server, latency_ms) if latency_ms == PEER_MS else None
            for name, goal, load, share in self._loads(server, count):
                account = f"{name}, {latency_ms} ms"
                yield table.more(account, "writes/s", load.per_s, "bound", bound, goal)
                if peer and "creates" in name:
                    times = None if "SQLite" in name else TIMES_PEER
                    yield table.more(account, "writes/s", load.per_s, "peer", peer.per_s, times)
                yield from _costs(account, load)
                yield table.beside(
                    account, "emulator's CPU, % of a core", share, "bare writer", bare.share
                )

    def _loads(self, server: Emulator, count: int) -> Iterator[tuple[str, float, Load, float]]:
        """What is written where answers are late: a name, the goal, the load, emulator's share."""
        plain = OurTarget(url=server.url, folder=self.folder)
        kept = OurTarget(url=server.url, folder=self.folder, ledger=self._new_ledger())
        creates, updates = f"{count:,} creates", f"{count:,} updates"
        written = _written(server, plain, customers(count), "created")
        yield f"{creates}, no ledger", SHARE_OF_BOUND, *written
        ids = lists.ids(server.url, f"/{STREAM}", CONNECTIONS, count)
        written = _written(server, plain, with_ids(ids, 1), "updated")
        yield f"{updates}, no ledger", SHARE_OF_BOUND, *written
        keys = range(1, count + 1)
        written = _written(server, kept, with_ids(keys), "created")
        yield f"{creates}, SQLite ledger", SHARE_WITH_LEDGER, *written
        written = _written(server, kept, with_ids(keys, 1), "updated")
        yield f"{updates}, SQLite ledger", SHARE_WITH_LEDGER, *written

    def _peer(self, server: Emulator, latency_ms: int) -> Load:
        count = self.scale.peer_seconds * 1000 // latency_ms
        return self.peer.create(server.url, customers(count), TIMEOUT_S)

    def _at_once(self) -> Iterator[Row]:
        """Where nothing waits: what a write costs, and a record that needs none."""
        with emulator(Size(), 0) as server:
            for count in self.scale.created:
                name = f"{count:,} creates, SQLite ledger, 0 ms"
                self.report(name)
                bare = bare_writer(server.url, CONNECTIONS_AT_0_MS, count, TIMEOUT_S)
                kept = OurTarget(url=server.url, folder=self.folder, ledger=self._new_ledger())
                load, share = _written(server, kept, with_ids(range(1, count + 1)), "created")
                yield table.more(name, "writes/s", load.per_s, "bare writer", bare.writes_per_s)
                yield from _costs(name, load)
                yield table.alone(name, "peak memory, MB", load.run.peak_mb, at_most=PEAK_MB)
                yield table.beside(
                    name, "emulator's CPU, % of a core", share, "bare writer", bare.share
                )
            for lines in self.scale.unchanged:
                name = f"{lines:,} unchanged, SQLite ledger"
                self.report(name)
                numbers = chain.from_iterable(repeat(range(1, count + 1), -(-lines // count)))
                same = with_ids(islice(numbers, lines))
                load, _ = _written(server, kept, same, "unchanged", requests=0)
                yield table.alone(name, "records/s", load.per_s, at_least=UNCHANGED_PER_S)
                yield table.alone(name, "CPU, us per record", load.run.cpu_us_per_record)
                yield table.alone(name, "peak memory, MB", load.run.peak_mb, at_most=PEAK_MB)

    def _new_ledger(self) -> Path:
        """Where a ledger can be made that nothing is in."""
        for left in self.folder.glob(f"{LEDGER}*"):
            left.unlink()
        return self.folder.absolute() / LEDGER


def _written(
    server: Emulator,
    target: OurTarget,
    records: Iterable[Record],
    outcome: str,
    *,
    requests: int | None = None,
) -> tuple[Load, float]:
    """The load, and how busy it kept the emulator, in % of a core.

    Raises RunFailedError unless the account was asked as often: once for each record by default.
    """
    before, asked = server.cpu_s, server.requests
    load = target.write(records, outcome, TIMEOUT_S)
    share = 100 * (server.cpu_s - before) / load.load_s
    asked = server.requests - asked
    if asked != (load.run.records if requests is None else requests):
        raise RunFailedError(f"{load.run.records} records took {asked} requests")
    return load, share


def _costs(account: str, load: Load) -> Iterator[Row]:
    yield table.alone(account, "CPU, ms per write", load.cpu_ms_per_record, at_most=CPU_MS)
    yield table.beside(
        account, "seconds, start to exit", load.run.seconds, "first to last", load.load_s
    )
