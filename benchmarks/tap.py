"""What is measured of the tap, and against what."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import lists, table
from benchmarks.accounts import Emulator, Size, emulator
from benchmarks.bare import Bare, bare_reader
from benchmarks.large_lists import large_list, seconds_of_requests
from benchmarks.runs import Run, RunFailedError, measured, middle, seconds_to_end
from benchmarks.table import Row
from benchmarks.taps import CONNECTIONS, LISTS, OURS, PAGE_SIZE, STREAMS, Tap, our_tap
from benchmarks.whole_accounts import whole_accounts

LONG_AGO = 946_684_800  # 2000-01-01, in UNIX seconds
LATE_MS = 100
TIMEOUT_S = 300
HELPS = 7
WHOLE_LIST_MS = 50
# Shapes of `large_lists`, and the streams that read them.
LARGE = {
    "charges": "charges",
    "one second": "invoices",
    "events": "events",
    "deletions": "invoices",
    "large rows": "invoices",
    "growing rows": "invoices",
}

# What the tap set out to reach.
RATE_WHEN_LATE, SHARE_OF_BOUND, RATE_AT_0_MS = 17, 0.8, 10
CPU_OF_PEER, CPU_OF_FLOOR = 1 / 12, 3
PEAK_MB, HELP_S = 120, 0.3
LARGE_PEAK_MB = 150
LINEAR = 1.1  # so much more than in proportion passes for noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is read. `growth` are sizes of accounts in invoices, `invoices` is one of them.

    Where all answers are late the peer reads the latest `peer_slice` of those only: it turns one
    page after the other, so the rest would go at the same pace. `repeats` is how often our tap
    runs where a run is short; the median counts.
    """

    mixed: Size
    latencies_ms: tuple[int, ...] = (0, 20, 100)
    invoices: int
    peer_slice: int
    charges: int
    large: Mapping[str, int]
    growth: tuple[int, ...]
    customers: int
    repeats: int


FULL = Scale(
    mixed=Size(customers=1_000, bulk_customers=4_000, bulk_invoices=6_400),
    invoices=100_000,
    peer_slice=20_000,
    charges=20_000,
    large={
        "charges": 450_000,
        "one second": 100_000,
        "events": 200_000,
        "deletions": 200_000,
        "large rows": 3_000,
        "growing rows": 4_000,
    },
    growth=(10_000, 100_000, 1_000_000),
    customers=2_000,
    repeats=3,
)
QUICK = Scale(
    mixed=Size(customers=100, bulk_customers=400, bulk_invoices=700),
    invoices=10_000,
    peer_slice=2_000,
    charges=5_000,
    large={
        "charges": 20_000,
        "one second": 5_000,
        "events": 5_000,
        "deletions": 5_000,
        "large rows": 500,
        "growing rows": 2_500,
    },
    growth=(1_000, 10_000, 100_000),
    customers=100,
    repeats=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapBench:
    """Measures our tap and the peer. `folder` takes their files, `report` prints what runs now."""

    scale: Scale
    peer: Tap
    folder: Path
    report: Callable[[str], None]
    ours: Tap = field(default_factory=our_tap)

    def rows(self) -> Iterator[Row]:
        for latency_ms in self.scale.latencies_ms:
            yield from self._mixed(latency_ms)
        yield from self._late_invoices()
        yield from self._growth()
        yield from self._whole_list()
        yield from self._large_lists()
        yield from whole_accounts(self.ours, self.scale.customers, self.folder, self.report)
        seconds = seconds_to_end([OURS, "--help"], HELPS, TIMEOUT_S)
        yield table.alone("none", "--help, seconds", seconds, at_most=HELP_S)

    def _mixed(self, latency_ms: int) -> Iterator[Row]:
        """Everything that both taps read, of a company with all its business."""
        with emulator(self.scale.mixed, latency_ms) as server:
            name = f"{lists.held(server.url, LISTS):,} records of 5 streams, {latency_ms} ms"
            self.report(name)
            for path in LISTS:  # the bytes are made once, and not at the cost of who comes first
                lists.drain(server.url, path, CONNECTIONS, lambda page: None)
            peer, peer_share = self._read(server, self.peer, STREAMS)
            ours, share = self._read(server, self.ours, STREAMS, times=self.scale.repeats)
        yield from _compared(name, ours, peer)
        yield table.less(name, "peak memory, MB", ours.peak_mb, "peer", peer.peak_mb)
        yield table.beside(name, "emulator's CPU, % of a core", share, "peer", peer_share)

    def _late_invoices(self) -> Iterator[Row]:
        """Where latency rules: what is gained by more than one request in flight."""
        name = f"{self.scale.invoices:,} invoices, {LATE_MS} ms"
        self.report(name)
        with emulator(Size(bulk_invoices=self.scale.invoices), LATE_MS) as server:
            start = lists.second_of(server.url, "/invoices", from_end=self.scale.peer_slice)
            peer, _ = self._read(server, self.peer, ["invoices"], start=start)
            ours, share = self._read(server, self.ours, ["invoices"], times=self.scale.repeats)
        rate, bound = ours.records_per_s, CONNECTIONS * PAGE_SIZE * 1000 / LATE_MS
        theirs = f"peer (latest {peer.records:,})"
        yield table.more(name, "records/s", rate, theirs, peer.records_per_s, RATE_WHEN_LATE)
        yield table.more(name, "records/s", rate, "bound", bound, SHARE_OF_BOUND)
        yield table.alone(name, "peak memory, MB", ours.peak_mb, at_most=PEAK_MB)
        yield table.alone(name, "emulator's CPU, % of a core", share)

    def _growth(self) -> Iterator[Row]:
        """Where nothing waits: what a record costs, and whether it costs more among more."""
        before: Run | None = None
        for invoices in self.scale.growth:
            name = f"{invoices:,} invoices, 0 ms"
            self.report(name)
            with emulator(Size(bulk_invoices=invoices), 0) as server:
                bare = bare_reader(server.url, "/invoices", TIMEOUT_S)
                times = 1 if invoices > self.scale.invoices else self.scale.repeats
                ours, share = self._read(server, self.ours, ["invoices"], times=times)
                if invoices == self.scale.invoices:
                    peer, _ = self._read(server, self.peer, ["invoices"])
                    yield from _compared(name, ours, peer, RATE_AT_0_MS, CPU_OF_PEER)
            yield from self._costs(name, ours, bare, before)
            yield table.beside(
                name, "emulator's CPU, % of a core", share, "bare reader", bare.share
            )
            before = ours

    def _whole_list(self) -> Iterator[Row]:
        """A list that cannot be asked for changes, where latency rules."""
        name = f"{self.scale.charges:,} charges, {WHOLE_LIST_MS} ms"
        self.report(name)
        with large_list("charges", self.scale.charges, WHOLE_LIST_MS) as url:
            command = self.ours.reading(url, ["charges"], lists.as_date_time(LONG_AGO), self.folder)
            run = measured(command, TIMEOUT_S)
            rate = run.records / seconds_of_requests(url)
        bound = CONNECTIONS * PAGE_SIZE * 1000 / WHOLE_LIST_MS
        yield table.more(
            name, "records/s, first to last request", rate, "bound", bound, SHARE_OF_BOUND
        )

    def _large_lists(self) -> Iterator[Row]:
        """What is held in memory of lists that are large in one way or another."""
        for shape, stream in LARGE.items():
            rows = self.scale.large[shape]
            name = f"{rows:,} rows, {shape}"
            self.report(name)
            with large_list(shape, rows) as url:
                deletes = shape == "deletions"
                tap = our_tap(capture_deletes=True) if deletes else self.ours
                command = tap.reading(url, [stream], lists.as_date_time(LONG_AGO), self.folder)
                run = measured(command, TIMEOUT_S)
            yield table.alone(name, "peak memory, MB", run.peak_mb, at_most=LARGE_PEAK_MB)

    def _costs(self, name: str, ours: Run, bare: Bare, before: Run | None) -> Iterator[Row]:
        goal = CPU_OF_FLOOR if ours.records >= self.scale.invoices else None
        cost, floor = ours.cpu_us_per_record, bare.floor_us
        yield table.less(name, "CPU, us per record", cost, "orjson floor", floor, goal)
        yield table.more(name, "records/s", ours.records_per_s, "bare reader", bare.rows_per_s)
        if before:
            size, linear = f"for {before.records:,}", LINEAR * ours.records / before.records
            yield table.less(name, "seconds", ours.seconds, size, before.seconds, linear)
        yield table.alone(name, "peak memory, MB", ours.peak_mb, at_most=PEAK_MB)

    def _read(
        self,
        server: Emulator,
        tap: Tap,
        streams: Sequence[str],
        *,
        start: int = LONG_AGO,
        times: int = 1,
    ) -> tuple[Run, float]:
        """The median of so many runs, and how busy they kept the emulator, in % of a core."""
        command = tap.reading(server.url, streams, lists.as_date_time(start), self.folder)
        expected = lists.held(server.url, tap.lists_of(streams), start)
        before = server.cpu_s
        runs = [measured(command, TIMEOUT_S) for _ in range(times)]
        share = 100 * (server.cpu_s - before) / sum(run.seconds for run in runs)
        for run in runs:
            if run.records != expected:
                raise RunFailedError(f"{command[0]} wrote {run.records} records, not {expected}")
        return middle(runs), share


def _compared(
    name: str, ours: Run, peer: Run, rate: float | None = None, cpu: float | None = None
) -> Iterator[Row]:
    yield table.more(name, "records/s", ours.records_per_s, "peer", peer.records_per_s, rate)
    cost, theirs = ours.cpu_us_per_record, peer.cpu_us_per_record
    yield table.less(name, "CPU, us per record", cost, "peer", theirs, cpu)
