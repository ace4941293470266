"""The README's quick start and demo run as a new user types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[1]
COMMANDS = Path(sys.executable).parent


@pytest.fixture
def workspace(tmp_path: Path, business_server: Server) -> Path:
    """The clone's examples, with the emulator of this test in place of the usual one."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    config = tmp_path / "examples" / "emulator.json"
    text = config.read_text()
    assert "http://127.0.0.1:8680" in text
    config.write_text(text.replace("http://127.0.0.1:8680", business_server.url))
    return tmp_path


def test_the_quick_start_runs(
    workspace: Path, business_server: Server, environment: dict[str, str]
) -> None:
    """Five commands, typed in the clone: rows and a dry run. The emulator is already running."""
    (block,) = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), re.S | re.M)
    emulator, *commands = block.splitlines()
    assert (emulator, len(commands)) == ("invoiced-emulator &", 4)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(commands)],
        cwd=workspace,
        env=environment | {"PATH": os.pathsep.join((str(COMMANDS), environment["PATH"]))},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    shown = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    assert [message.get("type") for message in shown[:3]] == ["SCHEMA", "RECORD", "RECORD"]
    assert [call["url"].removeprefix(business_server.url) for call in shown[3:]] == [
        "/customers",
        "/invoices",
    ]


def test_the_new_invoice_of_the_examples_is_created(
    business: Account, workspace: Path, business_server: Server, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [
            str(COMMANDS / "target-invoiced"),
            "--config",
            "examples/emulator.json",
            "--input",
            "examples/new-invoice.singer",
        ],
        cwd=workspace,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    (created,) = [row for row in business.objects("customers") if row["number"] == "CUST-9001"]
    (invoice,) = [row for row in business.objects("invoices") if row["customer"] == created["id"]]
    assert (created["name"], invoice["total"]) == ("Larkspur Bakery", 180.75)


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
