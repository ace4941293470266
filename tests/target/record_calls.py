"""Runs `target-invoiced` and prints the calls that are given one record, in their order.

A script, not a test: `record_calls.py MARKER ARGUMENTS...`. The record is known by a text that it
alone holds. Each line is the module and the name of a function, tab between them, in the order of
the calls; those of the workers are among them.
"""

import dataclasses
import sys
import threading
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from invoiced_api.version import VERSION
from target_invoiced.__main__ import main

ROOT = Path(__file__).parents[2]
OURS = tuple(str(ROOT / name) for name in ("invoiced_api", "singer_command", "target_invoiced"))
# What such an object holds counts, but its own methods are given it only if it is a record.
MAX_DEPTH = 5


def holds(value: Any, marker: str, depth: int = MAX_DEPTH) -> bool:
    """Whether a value has the marker in it, also deep inside."""
    match value:
        case str():
            return marker in value
        case bytes() | bytearray():
            return marker.encode() in value
        case _ if depth == 0:
            return False
        case dict():
            inner = [*value.keys(), *value.values()]
        case list() | tuple() | set() | frozenset() | deque():
            inner = [*value]
        case msgspec.Struct():
            inner = [getattr(value, name) for name in value.__struct_fields__]
        case _ if dataclasses.is_dataclass(value):
            inner = [getattr(value, one.name, None) for one in dataclasses.fields(value)]
        case _ if type(value).__module__.partition(".")[0] in ("invoiced_api", "target_invoiced"):
            inner = [*getattr(value, "__dict__", {}).values()]
        case _:
            return False
    return any(holds(one, marker, depth - 1) for one in inner)


# Objects that are one record on its way; of others, only what a call is given counts.
RECORDS = ("PendingRecord", "Record", "Request", "WriteRequest", "Response", "Create", "Done")


def recorder(marker: str, calls: list[str]) -> Any:
    def note(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(OURS) or code.co_name[0] == "<":
            return
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)
        values = {name: frame.f_locals.get(name) for name in code.co_varnames[:count]}
        if type(values.get("self")).__name__ not in RECORDS:
            values.pop("self", None)
        if any(holds(value, marker) for value in values.values()):
            module = Path(code.co_filename).relative_to(ROOT).with_suffix("").as_posix()
            calls.append(f"{module}\t{code.co_name}")

    return note


if __name__ == "__main__":
    assert VERSION  # imported before it is watched
    found: list[str] = []
    watch = recorder(sys.argv[1], found)
    sys.argv[1:] = sys.argv[2:]
    threading.setprofile(watch)
    sys.setprofile(watch)
    code = main()
    sys.setprofile(None)
    sys.stderr.write("\n".join(found) + "\n")
    sys.exit(code)
