"""`invoiced-emulator` from the shell."""

import re
import signal
import socket
import subprocess
import sys
import time
from importlib import metadata

import pytest
import requests

VERSION = metadata.version("singer-invoiced")
BULKS = ("--bulk-customers", "3000", "--bulk-invoices", "20000")
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


def test_it_shows_its_version():
    done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, f"invoiced-emulator {VERSION}\n")


def failure(*options):
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_it_prints_its_address_serves_and_stops_at_a_signal(start, signum):
    process, line = start("--port", "0", "--customers", "5", "--api-key", "ours")
    ready = re.fullmatch(
        r"Invoiced emulator at (http://127\.0\.0\.1:\d+) - 5 customers, \d+ invoices, .*"
        r" - API key: ours\n",
        line,
    )
    assert ready, line
    answer = requests.get(f"{ready[1]}/customers", auth=("ours", ""), timeout=10)
    assert answer.headers["X-Total-Count"] == "5"
    process.send_signal(signum)
    assert process.wait(10) == 0


def test_an_empty_account_has_no_customers(start):
    _, line = start("--port", "0", "--empty")
    assert " - 0 customers, 0 invoices," in line


def test_bulk_objects_are_added_up_to_an_hour_ago(start):
    _, line = start("--port", "0", "--customers", "2", *BULKS)
    assert " - 3002 customers, " in line
    url = line.split()[3]
    newest = {"sort": "updated_at desc", "per_page": "1"}
    answer = requests.get(f"{url}/invoices", newest, auth=("emulator-key", ""), timeout=10)
    assert int(answer.headers["X-Total-Count"]) > 20_000
    assert 3600 <= time.time() - answer.json()[0]["updated_at"] < 9000


def test_the_counters_are_read_without_a_key(start):
    _, line = start("--port", "0", "--empty")
    url = line.split()[3]
    body = requests.get(f"{url}/plans", auth=("emulator-key", ""), timeout=10).content
    requests.get(f"{url}/plans", timeout=10)
    stats = requests.get(f"{url}/_emulator/stats", timeout=10).json()
    assert stats.pop("cpu_seconds") > 0
    assert stats.pop("bytes_sent") > len(body)
    assert stats == {"requests": 2, "max_in_flight": 1, "too_many": 0}


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


def test_an_account_without_a_feature_untidy_and_in_another_zone(start):
    options = ("--without", "subscription_billing", "--untidy", "--time-zone", "America/Chicago")
    _, line = start("--port", "0", "--customers", "3", *options)
    url = line.split()[3]
    auth = ("emulator-key", "")
    refused = requests.get(f"{url}/subscriptions", auth=auth, timeout=10)
    assert refused.status_code == 400
    assert "does not have access to this feature" in refused.json()["message"]
    invoice = requests.get(f"{url}/invoices", auth=auth, timeout=10).json()[0]
    assert invoice["draft"] in (0, 1)
    assert invoice["date"] % 86_400 in (5 * 3600, 6 * 3600)


@pytest.mark.parametrize("option", [("--without", "gold"), ("--time-zone", "Mars/Olympus")])
def test_an_option_that_makes_no_sense_is_named(option):
    done = subprocess.run([*COMMAND, *option], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert option[1] in done.stderr
