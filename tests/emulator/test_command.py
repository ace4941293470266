"""`invoiced-emulator` from the shell."""

import re
import signal
import socket
import subprocess
import sys

import pytest
import requests

COMMAND = [sys.executable, "-m", "invoiced_emulator"]


@pytest.fixture
def start():
    running = []

    def run(*options):
        process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process, process.stdout.readline()

    yield run
    for process in running:
        process.kill()
        process.communicate()


def failure(*options):
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_it_says_where_it_is_serves_and_stops_when_told(start, signum):
    process, line = start("--port", "0", "--customers", "5", "--api-key", "ours")
    told = re.fullmatch(
        r"Invoiced emulator at (http://127\.0\.0\.1:\d+) - 5 customers, \d+ invoices, .*"
        r" - API key: ours\n",
        line,
    )
    assert told, line
    answer = requests.get(f"{told[1]}/customers", auth=("ours", ""), timeout=10)
    assert answer.headers["X-Total-Count"] == "5"
    process.send_signal(signum)
    assert process.wait(10) == 0


def test_an_empty_account_has_no_customers(start):
    _, line = start("--port", "0", "--empty")
    assert " - 0 customers, 0 invoices," in line


def test_a_port_in_use_is_one_clear_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in failure("--port", str(port), "--empty")


def test_a_faults_file_that_makes_no_sense_is_one_clear_line(tmp_path):
    assert "cannot read" in failure("--faults", str(tmp_path / "absent.json"))
    (tmp_path / "bad.json").write_text("[{}]")
    assert "kind" in failure("--faults", str(tmp_path / "bad.json"))


def test_help_does_not_wait_for_the_http_stack():
    script = (
        "import sys; from invoiced_emulator.__main__ import _parser; _parser().format_help();"
        "sys.exit(bool({'uvicorn', 'starlette', 'orjson'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=20).returncode == 0
