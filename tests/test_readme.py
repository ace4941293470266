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
def desk(tmp_path: Path, loader: Path, business_server: Server) -> Iterator[Path]:
    """An empty folder with a config.json, and the commands on the PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "target-jsonl").symlink_to(loader)
    folder = tmp_path / "desk"
    folder.mkdir()
    config = {"api_key": "emulator-key", "base_url": business_server.url}
    (folder / "config.json").write_text(json.dumps(config))
    yield folder
    shutil.rmtree(folder)


def test_every_bash_block_of_the_readme_runs(
    desk: Path, business: Account, environment: dict[str, str]
) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), re.S | re.M)
    assert len(blocks) >= 5
    folders = (COMMANDS, ROOT / "examples", desk.parent / "bin", environment["PATH"])
    path = os.pathsep.join(map(str, folders))
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
    state = json.loads((desk / "state.json").read_text())
    assert "invoices" in state["bookmarks"]
    created = [row for row in business.objects("customers") if row["number"] == "CUST-9001"]
    assert [row["name"] for row in created] == ["Larkspur Bakery"]
    (invoice,) = [
        row for row in business.objects("invoices") if row["customer"] == created[0]["id"]
    ]
    assert invoice["total"] == 180.75


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
