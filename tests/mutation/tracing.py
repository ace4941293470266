"""Notes which functions of the target each test calls, also in the commands that it starts.

Executed at the end of `target_invoiced/__init__.py`, in the copy that is mutated. Each process adds
lines to the file that MUTATION_SURVEY names: test, module, and first line of the function.
"""

import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SURVEY = os.environ.get("MUTATION_SURVEY", "")
ROOT = str(Path(os.environ.get("MUTATION_ROOT", "")) / "target_invoiced")

_places: dict[CodeType, str] = {}
_noted: set[tuple[str, str]] = set()


def note_call(frame: FrameType, event: str, arg: Any) -> None:
    """A trace function that sees calls alone."""
    code = frame.f_code
    place = _places.get(code)
    if place is None:
        ours = code.co_filename.startswith(ROOT)
        module = code.co_filename.removeprefix(ROOT).lstrip("/")
        place = _places[code] = f"{module}\t{code.co_firstlineno}" if ours else ""
    if not place:
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    if test and (test, place) not in _noted:
        _noted.add((test, place))
        # Opened each time: a command may be forked, close its files, and be killed at any point.
        with Path(SURVEY).open("a") as file:
            file.write(f"{test}\t{place}\n")


if SURVEY:
    threading.settrace(note_call)
    sys.settrace(note_call)
