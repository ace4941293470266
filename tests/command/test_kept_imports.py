"""Imports are left out of garbage collections; what a run makes later is not."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc
from singer_command.memory import kept_imports
try:
    with kept_imports():
        assert not gc.isenabled()
        import {module}
except ImportError:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 1_000)
"""


@pytest.mark.parametrize("module", ["decimal", "there_is_no_such_module"])
def test_collections_go_on_after_the_imports_and_leave_them_out(module: str) -> None:
    program = PROGRAM.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True
    )
    assert done.stdout.split() == [b"True", b"True"]
