"""`invoiced-emulator`: serves a local Invoiced account until it is interrupted."""

import argparse
import signal
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from invoiced_emulator.exceptions import FaultRuleError
from invoiced_emulator.resources.features import FEATURES

if TYPE_CHECKING:
    from invoiced_emulator.store.account import Account


_FEATURES = tuple(FEATURES)
# What the extra `emulator` installs, and only that.
_EXTRA = frozenset(("httptools", "sortedcontainers", "starlette", "uvicorn", "uvloop"))
# About eleven months.
_BULK_DAYS = 335


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="invoiced-emulator",
        description="Run a local, in-memory Invoiced API with sample data on 127.0.0.1.",
    )
    whole: dict[str, Any] = {"type": _count, "metavar": "N"}
    parser.add_argument(
        "--port", default=8680, help="port, 0 for any free port (default: 8680)", **whole
    )
    parser.add_argument(
        "--customers", default=200, help="number of customers (default: 200)", **whole
    )
    for name in ("customers", "invoices"):
        text = f"additional read-only {name}, spread over eleven months (default: 0)"
        parser.add_argument(f"--bulk-{name}", default=0, help=text, **whole)
    parser.add_argument(
        "--seed", default=1, help="random seed of the sample data (default: 1)", **whole
    )
    parser.add_argument(
        "--empty",
        action="store_true",
        help="start without customers: only plans, items, coupons and tax rates",
    )
    parser.add_argument("--version", action="version", version=f"invoiced-emulator {_version()}")
    _add_behaviour(parser, whole)
    return parser


def _version() -> str:
    """The version of the installed package, which the emulator does not import."""
    try:
        return metadata.version("singer-invoiced")
    except metadata.PackageNotFoundError:  # run from the source
        return "unknown"


def _add_behaviour(parser: argparse.ArgumentParser, whole: dict[str, Any]) -> None:
    """Arguments that change how the account behaves, and not what it holds."""
    parser.add_argument(
        "--latency-ms", default=0, help="delay of each response (default: 0)", **whole
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        choices=_FEATURES,
        metavar="FEATURE",
        help=f"remove a feature: {', '.join(_FEATURES)}; may be repeated",
    )
    parser.add_argument(
        "--time-zone",
        type=_zone,
        metavar="ZONE",
        help="date documents at midnight of this time zone",
    )
    parser.add_argument(
        "--untidy",
        action="store_true",
        help="respond like a PHP server: [] for {}, 0 and 1, numbers as text",
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="JSON list of failures to inject"
    )
    parser.add_argument(
        "--api-key",
        default="emulator-key",
        metavar="KEY",
        help="API key to accept (default: emulator-key)",
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, IsADirectoryError) as error:
        raise ValueError(name) from error


_zone.__name__ = "time zone"


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("negative")
    return value


_count.__name__ = "whole number"  # what argparse calls the type in its message


def _summary(account: "Account") -> str:
    names = ("customers", "invoices", "estimates", "credit_notes", "subscriptions", "transactions")
    counts = {name: len(account.tables[name]) for name in names}
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def _add_bulks(account: "Account", counts: dict[str, int]) -> None:
    """Add that many objects to each resource, evenly up to an hour ago."""
    from invoiced_emulator.seed.bulk import add_bulk

    for resource, count in counts.items():
        if count:
            first = account.clock() - _BULK_DAYS * 86_400
            per_second = count / (_BULK_DAYS * 86_400 - 3600)
            add_bulk(account, resource, count=count, first_updated_at=first, per_second=per_second)


def main() -> int:
    """Serve until SIGINT or SIGTERM; 0 then, 1 if it cannot start."""
    options = _parser().parse_args()
    try:
        return _serve(options)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(
            f"invoiced-emulator: the package `{package}` is not installed."
            " Install the emulator: pip install 'singer-invoiced[emulator]'",
            file=sys.stderr,
        )
        return 1


def _serve(options: argparse.Namespace) -> int:
    # The HTTP stack takes longer to import than --help may take.
    from invoiced_emulator.http import faults
    from invoiced_emulator.http.server import Server
    from invoiced_emulator.seed.account import seeded

    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    try:
        rules = faults.read(options.faults) if options.faults else None
        customers = 0 if options.empty else options.customers
        account = seeded(
            customers=customers,
            seed=options.seed,
            api_key=options.api_key,
            time_zone=options.time_zone,
        )
        account.lacks.update(options.without)
        account.untidy = options.untidy
        # Customers first: the invoices are spread over them.
        bulks = {"customers": options.bulk_customers, "invoices": options.bulk_invoices}
        _add_bulks(account, bulks)
        with Server(account, options.port, options.latency_ms / 1000, faults=rules) as server:
            print(
                f"Invoiced emulator at {server.url} - {_summary(account)}"
                f" - API key: {options.api_key}",
                flush=True,
            )
            stop.wait()
    except FaultRuleError as error:
        print(f"invoiced-emulator: --faults: {error}", file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        print(
            f"invoiced-emulator: cannot listen on 127.0.0.1:{options.port}: {reason}."
            " Choose another --port.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
