"""The two taps, and how each is made to read some streams of an account."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accounts import API_KEY

OURS = Path(sys.executable).with_name("tap-invoiced")
PEER_WRAPPER = Path(__file__).with_name("peer.py")

# The tap's defaults, written into its config, since the bound is made of them.
CONNECTIONS = 16
PAGE_SIZE = 100

# The peer's streams, and the lists that hold them. Its `plans` are left out: it stops at tiers.
STREAMS = ("customers", "invoices", "estimates", "credit_notes", "subscriptions")
LISTS = tuple(f"/{stream}" for stream in STREAMS)
# The peer does not ask for these; our tap does.
CLOSED = tuple(
    f"/subscriptions?{query}" for query in ("canceled=1", "finished=1", "canceled=1&finished=1")
)

DISCOVER_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A tap. `config(url, start_date)` are its settings, `lists` what it is to read in all."""

    command: Callable[[str], Sequence[str | Path]]
    config: Callable[[str, str], dict[str, Any]]
    lists: tuple[str, ...]

    def reading(self, url: str, streams: Sequence[str], start: str, folder: Path) -> list[str]:
        """The command that reads these streams; writes the files that it names into `folder`."""
        command = [*self.command(url), *_file(folder, "config", self.config(url, start))]
        catalog = json.loads(
            subprocess.run(
                [*command, "--discover"],
                check=True,
                stdout=subprocess.PIPE,
                timeout=DISCOVER_TIMEOUT_S,
            ).stdout
        )
        for stream in catalog["streams"]:
            (own,) = (entry for entry in stream["metadata"] if not entry["breadcrumb"])
            own["metadata"]["selected"] = stream["tap_stream_id"] in streams
        return [str(one) for one in (*command, *_file(folder, "catalog", catalog))]

    def lists_of(self, streams: Sequence[str]) -> list[str]:
        return [one for one in self.lists if one[1:].split("?")[0] in streams]


def _file(folder: Path, name: str, content: dict[str, Any]) -> tuple[str, Path]:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return f"--{name}", path


def our_tap(**settings: Any) -> Tap:
    """Our tap, with further settings."""

    def config(url: str, start: str) -> dict[str, Any]:
        given = {"max_connections": CONNECTIONS, "page_size": PAGE_SIZE}
        return {"api_key": API_KEY, "base_url": url, "start_date": start, **given, **settings}

    return Tap(command=lambda url: [OURS], config=config, lists=(*LISTS, *CLOSED))


def peer_tap(python: Path) -> Tap:
    """The peer in its own environment, whose `python` this is."""
    theirs = python.with_name("tap-invoiced")
    return Tap(
        command=lambda url: [python, "-I", PEER_WRAPPER, url, theirs],
        config=lambda url, start: {"api_key": API_KEY, "start_date": start},
        lists=LISTS,
    )
