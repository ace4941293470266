"""The README's commands run, one after the other, as a new user types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[1]
COMMANDS = Path(sys.executable).parent


@pytest.fixture
def desk(tmp_path: Path, loader: Path) -> Iterator[Path]:
    """An empty folder, and beside it one for the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "target-jsonl").symlink_to(loader)
    folder = tmp_path / "desk"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_every_bash_block_of_the_readme_runs(
    desk: Path, business: Account, business_server: Server, environment: dict[str, str]
) -> None:
    text = (ROOT / "README.md").read_text().replace("http://127.0.0.1:8680", business_server.url)
    # What stands below a comment is run elsewhere.
    blocks = re.findall(r"(?<!-->\n)^```bash\n(.*?)^```$", text, re.S | re.M)
    assert len(blocks) >= 4
    path = os.pathsep.join(map(str, (COMMANDS, desk.parent / "bin", environment["PATH"])))
    shown = ""
    for block in blocks:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", block],
            cwd=desk,
            env=environment | {"PATH": path},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"
        shown += done.stdout.decode()
    state = json.loads((desk / "state.json").read_text())
    assert "invoices" in state["bookmarks"]
    created = [row for row in business.objects("customers") if row["number"] == "CUST-9001"]
    assert [row["name"] for row in created] == ["Larkspur Bakery"]
    (invoice,) = [
        row for row in business.objects("invoices") if row["customer"] == created[0]["id"]
    ]
    assert invoice["total"] == 180.75
    for one in (created[0], invoice):
        assert f'"id": {one["id"]},' in shown


def test_the_demo_shows_exactly_the_edits(
    tmp_path: Path, loader: Path, environment: dict[str, str]
) -> None:
    """What `make demo` runs once its environments are made."""
    demo = [sys.executable, str(ROOT / "examples" / "demo.py"), "--loader", str(loader)]
    done = subprocess.run(
        demo, cwd=tmp_path, env=environment, capture_output=True, timeout=100, check=False
    )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    assert "Exactly the edits arrived." in shown
    changed = [
        json.loads(line)
        for line in (tmp_path / "demo-output" / "changes.singer").read_text().splitlines()
    ]
    streams = [message["stream"] for message in changed if message["type"] == "RECORD"]
    assert (streams.count("customers"), streams.count("invoices")) == (23, 3)


def test_a_demo_that_fails_says_so(tmp_path: Path, environment: dict[str, str]) -> None:
    loader = tmp_path / "no-loader"
    loader.write_text("#!/bin/sh\nexit 3\n")
    loader.chmod(0o755)
    demo = [sys.executable, str(ROOT / "examples" / "demo.py"), "--loader", str(loader)]
    done = subprocess.run(
        demo, cwd=tmp_path, env=environment, capture_output=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "The demo failed: no-loader ended with 3" in done.stderr.decode()
