"""Responses of Invoiced, kept in a file or sent to a webhook, and counted."""

import json
import signal
import subprocess
import sys
from threading import Event

import jsonschema
import pytest

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
HOOK = "/hooks/hush-hush-token"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "responses.singer"


def messages_of(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def records_of(file, stream="customers_responses"):
    return [
        one["record"]
        for one in messages_of(file)
        if (one["type"], one["stream"]) == ("RECORD", stream)
    ]


# The file


def test_each_answer_is_a_record_with_the_key_and_the_new_id(run_target, server, singer, file):
    run = run_target(
        server,
        [
            *singer.stream(
                "customers",
                {"id": "a", "name": "A"},
                {"id": "a", "name": "B"},
                {"id": "a", **GONE},
                {"id": "never", **GONE},
                {"id": "bad", "name": 5, "credit_limit": "much"},
            ),
            *singer.stream("own", {"note": 1}),
        ],
        ids="external",
        responses=str(file),
        max_rejects=-1,
        streams={"own": {"method": "DELETE", "path": "/plans/{note}"}},
    )
    assert run.counts("customers") == {
        "created": 1,
        "updated": 1,
        "deleted": 1,
        "unchanged": 1,
        "rejected": 1,
    }
    created, updated, deleted = records_of(file)
    assert created["key"] == {"id": "a"}
    assert (created["operation"], created["id"], created["status"]) == ("created", 1, 201)
    assert (created["object"]["id"], created["object"]["name"]) == (1, "A")
    assert (updated["operation"], updated["id"], updated["status"]) == ("updated", 1, 200)
    assert updated["object"]["name"] == "B"
    assert (deleted["operation"], deleted["status"], deleted["object"]) == ("deleted", 204, None)


def test_the_file_is_singer_and_later_runs_add_to_it(run_target, server, singer, file):
    for name in ("A", "B"):
        run_target(server, singer.stream("customers", {"name": name}), responses=str(file))
    messages = messages_of(file)
    assert [one["type"] for one in messages] == ["SCHEMA", "RECORD"] * 2
    assert {one["stream"] for one in messages} == {"customers_responses"}
    for schema, record in (messages[:2], messages[2:]):
        jsonschema.validate(record["record"], schema["schema"])
    assert [record["object"]["name"] for record in records_of(file)] == ["A", "B"]


def test_a_file_that_cannot_be_written_stops_before_any_request(run_target, server, singer):
    run = run_target(
        server, singer.stream("customers", {"name": "A"}), responses="/no/such/folder/responses"
    )
    assert "setting `responses`: /no/such/folder/responses cannot be written" in run.complaint
    assert server.stats.requests == 0


# The webhook


@pytest.fixture
def hooked(run_target, server, httpserver, file):
    """Runs the target with the webhook at `httpserver`."""

    def run(messages, **settings):
        hook = {"response_webhook": httpserver.url_for(HOOK), "responses": str(file)}
        return run_target(server, messages, **{"ids": "external", **hook, **settings})

    return run


def delivered(httpserver):
    return [
        json.loads(request.data) for request, answer in httpserver.log if answer.status_code == 200
    ]


def test_the_webhook_gets_the_answers_of_an_object_in_their_order(hooked, httpserver, singer, file):
    httpserver.expect_request(HOOK, method="POST").respond_with_data("")
    versions = [{"id": "a", "name": name} for name in "ABC"]
    run = hooked(singer.stream("customers", *versions))
    assert run.exit_code == 0
    answers = delivered(httpserver)
    assert [answer["stream"] for answer in answers] == ["customers_responses"] * 3
    assert [answer["record"]["object"]["name"] for answer in answers] == ["A", "B", "C"]
    assert {answer["record"]["key"]["id"] for answer in answers} == {"a"}
    assert records_of(file) == []


def test_the_webhook_learns_no_credentials_and_nobody_learns_the_webhooks(
    hooked, httpserver, singer, file
):
    """A webhook's address is a secret by itself."""
    httpserver.expect_request(HOOK).respond_with_data("no", status=400)
    run = hooked(singer.stream("customers", {"id": "a", "name": "A"}), env={"LOGLEVEL": "DEBUG"})
    ((request, _),) = httpserver.log
    assert "Authorization" not in request.headers
    assert "emulator-key" not in request.data.decode()
    assert "hush-hush" not in run.stderr + run.stdout.decode() + file.read_text()


def test_a_webhook_that_fails_is_asked_again(hooked, httpserver, singer, file):
    httpserver.expect_ordered_request(HOOK).respond_with_data("", status=503)
    httpserver.expect_ordered_request(HOOK).respond_with_data("")
    run = hooked(singer.stream("customers", {"id": "a", "name": "A"}))
    assert run.exit_code == 0
    assert len(delivered(httpserver)) == 1
    assert records_of(file) == []


def test_what_the_webhook_does_not_take_is_kept_in_the_file(hooked, httpserver, singer, file):
    """And what comes behind it is delivered."""
    httpserver.expect_ordered_request(HOOK).respond_with_data("no", status=400)
    httpserver.expect_ordered_request(HOOK).respond_with_data("")
    run = hooked(singer.stream("customers", {"id": "a", "name": "A"}, {"id": "a", "name": "B"}))
    assert run.exit_code == 0
    (kept,) = records_of(file)
    assert (kept["id"], kept["object"]["name"]) == (1, "A")
    assert "400" in kept["undelivered"]
    assert [answer["record"]["object"]["name"] for answer in delivered(httpserver)] == ["B"]


def test_a_webhook_needs_the_file_for_what_it_does_not_take(run_target, server):
    run = run_target(server, b"", response_webhook="https://hooks.example/x")
    assert "setting `response_webhook` needs `responses`" in run.complaint


def test_a_stopped_run_does_not_wait_for_a_slow_webhook(
    hooked, httpserver, singer, config, environment, server, file, tmp_path
):
    """The run does not wait for twenty-five responses of a second each, whatever signal it gets."""
    asked, held = Event(), Event()

    def take_its_time(request):
        asked.set()
        held.wait(60)

    httpserver.expect_request(HOOK).respond_with_handler(take_its_time)
    settings = {
        "response_webhook": httpserver.url_for(HOOK),
        "responses": str(file),
        "ledger": f"sqlite:///{tmp_path}/ledger.db",
        "ids": "external",
    }
    command = [sys.executable, "-m", "target_invoiced", "--config", config(server, **settings)]
    customers = singer.stream("customers", *({"id": name, "name": name} for name in "ABC"))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        for message in (*customers, singer.state("all written")):
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.close()
        process.stdin = None
        try:
            assert process.stdout.readline() == b'"all written"\n'
            assert asked.wait(10)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=5)
        finally:
            process.kill()
            held.set()
    assert process.returncode == 128 + signal.SIGTERM
    said = [line for line in log.decode().splitlines() if line.startswith("CRITICAL")]
    assert said == ["CRITICAL stopped by SIGTERM"]
    httpserver.clear()
    httpserver.expect_request(HOOK).respond_with_data("")
    assert hooked([]).exit_code == 0
    assert {answer["record"]["key"]["id"] for answer in delivered(httpserver)} == {"A", "B", "C"}


# Counts


def test_the_report_counts_the_outcomes_of_each_stream(
    run_target, account, server, singer, tmp_path
):
    account.add("customers", id=1, name="A")
    account.add("invoices", id=1, customer=1)
    file = tmp_path / "report.json"
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "B"}, {"id": 1, "name": "C"}, {"id": 1}),
            *singer.stream("invoices", {"id": 1, **GONE}, {"id": 99, **GONE}, {"customer": 99}),
            *singer.stream("others", {"a": 1}),
        ],
        report=str(file),
        unknown_streams="skip",
        max_rejects=-1,
    )
    assert run.exit_code == 0
    report = json.loads(file.read_text())
    seconds = {stream: counts.pop("seconds") for stream, counts in report.items()}
    zero = dict.fromkeys(
        ("created", "updated", "deleted", "voided", "unchanged", "skipped", "rejected", "retries"),
        0,
    )
    assert report == {
        "customers": {**zero, "created": 1, "updated": 1, "unchanged": 1},
        "invoices": {**zero, "voided": 1, "deleted": 1, "rejected": 1},
        "others": {**zero, "skipped": 1},
    }
    assert all(0 <= taken < 60 for taken in seconds.values())


def test_a_run_that_stops_reports_all_the_same(run_target, server, singer, tmp_path):
    file = tmp_path / "report.json"
    run = run_target(server, singer.stream("customers", {"phone": "1"}), report=str(file))
    assert run.exit_code == 1
    assert json.loads(file.read_text())["customers"]["rejected"] == 1


def test_metrics_are_logged_as_singer_wants_them(run_target, server, singer):
    run = run_target(server, singer.stream("customers", {"name": "A"}, {"name": "B"}))
    points = [
        json.loads(line.partition("METRIC: ")[2])
        for line in run.stderr.splitlines()
        if line.startswith("INFO METRIC: ")
    ]
    own = [point for point in points if point["tags"] == {"endpoint": "customers"}]
    assert [(point["type"], point["metric"]) for point in own] == [
        ("counter", "record_count"),
        ("timer", "job_duration"),
    ]
    assert own[0]["value"] == 2


def test_an_answer_that_can_be_kept_nowhere_ends_the_run_and_is_owed_still(
    hooked, httpserver, singer, file
):
    httpserver.expect_ordered_request(HOOK).respond_with_data("no", status=400)
    httpserver.expect_ordered_request(HOOK).respond_with_data("")
    messages = singer.stream("customers", {"id": "a", "name": "A"})
    run = hooked(messages, responses="/dev/full")
    assert "setting `responses`: /dev/full cannot be written" in run.complaint
    assert hooked(messages).exit_code == 0
    assert [answer["record"]["object"]["name"] for answer in delivered(httpserver)] == ["A"]
