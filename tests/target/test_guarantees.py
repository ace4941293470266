"""The mechanisms behind the target's promises, each of which no other test would miss."""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug import Response

from invoiced_emulator import Faults, Server

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]
CUSTOMER = {"id": "c", "name": "C", "number": "C-1"}
GATEWAY = Response("<html></html>", 504, content_type="text/html")


def kinds(resource="invoices"):
    """A record with a key, and one without."""
    record = {"customer": {"number": "C-1"}, "items": LINES}
    return [
        pytest.param("external", {**record, "id": "i"}, id="keyed"),
        pytest.param("invoiced", record, id="keyless"),
    ]


@pytest.fixture
def at(account, run_target):
    """Runs the target while the account has these faults; always at the same address."""
    port = 0

    def run(messages, *faults, before_request=None, **settings):
        nonlocal port
        with Server(account, port, faults=Faults(faults), before_request=before_request) as server:
            port = server.port
            return run_target(server, messages, **{"max_rejects": -1, **settings})

    return run


GIVES_UP = {"max_retry_seconds": 0.3}
# Carried out at once, and protected by its key only when it has ended.
GOES_ON = {"kind": "slow", "seconds": 3, "methods": ["POST"], "path": "/invoices"}


# An unknown create is left alone before it is repeated


@pytest.mark.parametrize(("ids", "record"), kinds())
@pytest.mark.parametrize("waits", [False, True], ids=["live", "parked"])
def test_a_create_that_goes_on_after_the_run_died_is_not_repeated_too_soon(
    account, run_target, singer, ids, record, waits
):
    """Invoiced does not protect a request from an equal one that comes before it has ended."""
    faults = Faults([{**GOES_ON, "times": 1}])
    invoice, customer = singer.stream("invoices", record), {"name": "C", "number": "C-1"}
    customer |= {"id": "c"} if ids == "external" else {}
    settings = {"ids": ids, "max_rejects": -1}
    with Server(account, faults=faults) as server:
        if waits:
            run_target(server, invoice, **settings)
            first = singer.stream("customers", customer)
        else:
            account.add("customers", name="C", number="C-1")
            first = invoice
        dies = {**settings, **GIVES_UP, "request_timeout": 0.5}
        assert run_target(server, first, **dies).exit_code == 1
        run = run_target(server, invoice if not waits else b"", **settings)
        assert run.exit_code == 0, run.stderr
    assert len(account.objects("invoices")) == 1


# A key that was renewed after an answered failure is the one that is repeated


class Renewing:
    """Fails once as Invoiced does, carries out the next, and answers through a broken gateway."""

    def __init__(self):
        self.whole = self.knows_the_customer = False
        self.made = []
        self._kept = {}

    def __call__(self, request):
        if request.method == "GET":
            rows = [{"id": 5, "number": "C-1"}] if self.knows_the_customer else []
            return Response(json.dumps(rows), content_type="application/json")
        key = request.headers["Idempotency-Key"]
        if not self._kept:
            failure = '{"type": "api_error", "message": "x"}'
            self._kept[key] = Response(failure, 500, content_type="application/json")
        elif key not in self._kept:
            self.made.append(json.loads(request.data))
            made = json.dumps({**self.made[-1], "id": len(self.made)})
            self._kept[key] = Response(made, 201, content_type="application/json")
            return self._kept[key] if self.whole else GATEWAY
        return self._kept[key]


@pytest.mark.parametrize(
    ("ids", "more"), [("external", {"id": "n"}), ("invoiced", {})], ids=["keyed", "keyless"]
)
@pytest.mark.parametrize("waits", [False, True], ids=["live", "parked"])
def test_a_renewed_key_is_the_one_that_the_next_run_repeats(
    run_target, httpserver, singer, ids, more, waits
):
    service = Renewing()
    httpserver.expect_request(re.compile(".*")).respond_with_handler(service)
    settings = {"ids": ids, "base_url": httpserver.url_for("").rstrip("/"), "max_rejects": -1}
    messages = singer.stream("notes", {**more, "customer_id": {"number": "C-1"}, "notes": "x"})
    if waits:
        assert run_target(None, messages, **settings).exit_code == 0
        messages = b""
    service.knows_the_customer = True
    first = run_target(None, messages, max_retry_seconds=2, **settings)
    assert (first.exit_code, len(service.made)) == (1, 1), first.stderr
    service.whole = True
    run = run_target(None, messages, **settings)
    assert run.exit_code == 0, run.stderr
    assert len(service.made) == 1


# A stored response may be of an older body


def test_a_record_that_was_corrected_while_its_create_was_unknown_is_corrected(
    account, run_target, singer
):
    customer = {"id": "c", "name": "Wrong"}
    lost = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    with Server(account, faults=lost) as server:
        messages = singer.stream("customers", customer)
        assert run_target(server, messages, ids="external", **GIVES_UP).exit_code == 1
        messages = singer.stream("customers", {**customer, "name": "Right"})
        run = run_target(server, messages, ids="external")
    assert run.exit_code == 0, run.stderr
    assert [row["name"] for row in account.objects("customers")] == ["Right"]


# A key that is deleted and created again is another object


@pytest.mark.parametrize("before", [True, False], ids=["of-an-earlier-run", "of-this-run"])
def test_a_reference_to_a_key_that_was_created_again_is_to_the_new_object(
    at, account, singer, before
):
    first = singer.stream("customers", CUSTOMER)
    note = singer.stream("notes", {"id": "n", "customer": "c", "notes": "x"})
    if before:
        at(first, ids="external")
    run = at(
        [
            *([] if before else first),
            *note,
            singer.state(1),
            *singer.stream("customers", {"id": "c", **GONE}, CUSTOMER),
            *singer.stream("invoices", {"id": "i", "customer": "c", "items": LINES}),
        ],
        ids="external",
        max_connections=1,
    )
    assert run.exit_code == 0, run.stderr
    (customer,) = account.objects("customers")
    assert [row["customer"] for row in account.objects("invoices")] == [customer["id"]]


# What was never sent is not in doubt


@pytest.mark.parametrize(
    ("ids", "more"), [("external", {"id": "n"}), ("invoiced", {})], ids=["keyed", "keyless"]
)
def test_a_create_whose_reference_was_looked_up_in_vain_is_in_no_doubt_a_day_later(
    at, account, singer, later, ids, more
):
    """The record was announced and not sent; then bad input ended the run."""
    note = {**more, "customer_id": {"number": "C-1"}, "notes": "x"}
    lines = [json.dumps(one).encode() + b"\n" for one in singer.stream("notes", note)]
    assert at(b"".join([*lines, b"oops\n"]), ids=ids).exit_code == 1
    account.add("customers", name="C", number="C-1")
    run = at([*singer.stream("notes", note), singer.state(1)], ids=ids, env=later(30))
    assert run.counts("notes").get("created") == 1, run.stderr
    assert len(account.objects("notes")) == 1


@pytest.mark.parametrize("number", [1, 2])
def test_creates_that_were_taken_back_when_the_run_failed_are_in_no_doubt_a_day_later(
    account, run_target, singer, later, number
):
    """Of those that wait for a thread, none was sent when the first failure came."""
    customers = [{"id": f"c{key}", "name": f"N{key}"} for key in range(20)]
    dead = {"kind": "status", "status": 401, "methods": ["POST"]}
    sent = 0
    with Server(account, faults=Faults([dead]), latency_s=0.05) as server:
        messages = singer.stream("customers", *customers)
        first = run_target(server, messages, ids="external", max_connections=number)
        assert first.exit_code == 1
        sent = sum(one.method == "POST" for one in server.requests)
        port = server.port
    with Server(account, port=port) as server:
        run = run_target(
            server, messages, ids="external", max_rejects=-1, env=later(30), max_connections=1
        )
    assert run.counts("customers").get("rejected", 0) <= sent
    assert run.counts("customers")["created"] >= len(customers) - sent


# Headers


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_a_header_of_a_call_does_not_take_the_place_of_the_credentials(
    run_target, httpserver, singer, name
):
    httpserver.expect_request("/own").respond_with_data("{}", content_type="application/json")
    own = {"method": "POST", "path": "/own", "headers": {name: "Basic b3RoZXI6"}}
    run_target(
        None,
        singer.stream("own", {"a": 1}),
        base_url=httpserver.url_for("").rstrip("/"),
        streams={"own": own},
        max_rejects=-1,
    )
    expected = "Basic " + base64.b64encode(b"emulator-key:").decode()
    sent = [request.headers.get_all("Authorization") for request, _ in httpserver.log]
    assert all(one == [expected] for one in sent)


# What outlives a power cut

SYNCED = """
import os, sys
real = os.fsync
def named(file):
    number = file if isinstance(file, int) else file.fileno()
    print("fsync", os.readlink(f"/proc/self/fd/{number}"), file=sys.stderr)
    return real(file)
os.fsync = named
"""


def test_a_reject_is_on_the_disk_before_the_state_passes_it(run_target, server, singer, tmp_path):
    """The interpreter of that run prints each file that it syncs to disk."""
    (tmp_path / "sitecustomize.py").write_text(SYNCED)
    file = tmp_path / "rejects.singer"
    run = run_target(
        server,
        [*singer.stream("customers", {"name": ""}, {"name": "A"}), singer.state(1)],
        rejects=str(file),
        max_rejects=-1,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    assert f"fsync {file}" in run.stderr


def test_what_the_ledger_commits_is_on_the_disk(environment, config, server, singer, tmp_path):
    """SQLite syncs its log to disk with every commit: strace shows it."""

    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace is installed")
    path = config(server, ledger=f"sqlite:///{tmp_path}/ledger.db", ids="external")
    log = tmp_path / "trace"
    subprocess.run(
        [
            *(strace, "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(log)),
            *(sys.executable, "-m", "target_invoiced", "--config", str(path)),
        ],
        input=b"".join(
            json.dumps(one).encode() + b"\n" for one in singer.stream("customers", CUSTOMER)
        ),
        env=environment,
        check=True,
        timeout=60,
    )
    assert Path(log).read_text().count("ledger.db-wal>") > 2


# No more is taken in than is needed


def test_no_more_input_is_read_than_the_writes_in_flight_need(
    environment, config, account, singer, tmp_path
):
    """While nothing is answered, the tap has to wait."""
    with Server(account, faults=Faults([{"kind": "stall", "seconds": 60}])) as server:
        path = config(server, ledger=f"sqlite:///{tmp_path}/ledger.db", ids="external")
        with subprocess.Popen(
            [sys.executable, "-m", "target_invoiced", "--config", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as run:
            os.set_blocking(run.stdin.fileno(), False)
            (schema,) = singer.stream("customers")
            lines = json.dumps(schema).encode() + b"\n"
            record = singer.record("customers", id="k", name="x" * 1000)
            taken = _fed(run, lines + (json.dumps(record).encode() + b"\n") * 20_000)
            run.kill()
    assert taken < 4_000_000, "of 20 MB"


def _fed(run, content):
    """How many bytes a process reads until it reads none for two seconds."""

    file, taken = run.stdin.fileno(), 0
    while taken < len(content):
        if not select.select([], [file], [], 2)[1]:
            break
        taken += os.write(file, content[taken : taken + 65_536])
    return taken
