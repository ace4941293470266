"""`python -m benchmarks`: measures, prints the table, and keeps it in bench-output/results.md."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import SubprocessError

from rich.console import Console

from benchmarks.accounts import NoAccountError
from benchmarks.runs import RunFailedError
from benchmarks.table import Row, as_markdown, on_screen
from benchmarks.tap import FULL, QUICK, TapBench
from benchmarks.taps import peer_tap
from benchmarks.target import FULL_WRITES, QUICK_WRITES, TargetBench
from benchmarks.targets import PeerTarget

OUT = Path("bench-output")
WIDTH = 140


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--peer", type=Path, required=True, metavar="PYTHON", help="of the peer's environment"
    )
    parser.add_argument(
        "--peer-writer", type=Path, required=True, metavar="PYTHON", help="of the other peer's"
    )
    parser.add_argument("--only", choices=("tap", "target"), help="measure one of the two")
    parser.add_argument("--quick", action="store_true", help="small accounts: to see that it works")
    return parser.parse_args()


def main() -> int:
    """Measure, print and write the table. Returns 1 if a run failed, else 0."""
    options = arguments()
    screen = Console(highlight=False, markup=False)
    if not screen.is_terminal:
        screen.width = WIDTH
    OUT.mkdir(exist_ok=True)
    # Commands keep their bytecode, as pip does when it installs them: the peers have theirs.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.monotonic()

    def report(name: str) -> None:
        screen.print(f"{time.monotonic() - began:4.0f} s  {name}")

    tap = TapBench(
        scale=QUICK if options.quick else FULL,
        peer=peer_tap(options.peer),
        folder=OUT,
        report=report,
    )
    target = TargetBench(
        scale=QUICK_WRITES if options.quick else FULL_WRITES,
        peer=PeerTarget(options.peer_writer),
        folder=OUT,
        report=report,
    )
    benches: dict[str, Callable[[], Iterator[Row]]] = {"tap": tap.rows, "target": target.rows}
    wanted = [options.only] if options.only else list(benches)
    try:
        rows = [row for name in wanted for row in benches[name]()]
    except (NoAccountError, RunFailedError, OSError, SubprocessError) as failure:
        print(failure, file=sys.stderr)
        return 1
    about = f"{machine()}, {time.strftime('%Y-%m-%d')}"
    if options.quick:
        about += ", quick: accounts too small for the goals, which are those of the whole run"
    (OUT / "results.md").write_text(f"{about}\n\n{as_markdown(rows)}")
    screen.print(on_screen(rows))
    screen.print(f"{about}; {time.monotonic() - began:.0f} s. Also in {OUT / 'results.md'}")
    return 0


def machine() -> str:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory_gb:.0f} GB of memory, {python}"


if __name__ == "__main__":
    sys.exit(main())
