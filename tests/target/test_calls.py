"""Custom calls, against a server that accepts any: paths, headers, batches."""

import json

import pytest

# As Invoiced says it; an error without a type comes from a gateway, and is retried.
REFUSAL = {"type": "invalid_request", "message": "no"}


@pytest.fixture
def call(run_target, httpserver, singer):
    """Sends the records of one stream to a call; returns the run and the requests that came."""

    def run(messages, **to):
        httpserver.expect_request(to.pop("answered", "/any")).respond_with_data("", status=200)
        settings = {"allow_side_effects": ["emails"], "max_connections": 1}
        done = run_target(
            None, messages, base_url=httpserver.url_for(""), streams={"own": to}, **settings
        )
        return done, [request for request, _ in httpserver.log]

    return run


def bodies(requests):
    return [json.loads(request.data) for request in requests]


def test_an_email_goes_where_the_path_says_with_what_the_path_does_not_use(call, singer):
    record = {"invoice": 46225, "to": [{"name": "Ada", "email": "ada@example.com"}], "crm": "x"}
    run, (request,) = call(
        singer.stream("own", record),
        method="POST",
        path="/invoices/{invoice}/emails",
        headers={"X-Campaign": "dunning"},
        exclude=["crm"],
        answered="/invoices/46225/emails",
    )
    assert run.counts("own") == {"created": 1}
    assert (request.method, request.path) == ("POST", "/invoices/46225/emails")
    assert json.loads(request.data) == {"to": record["to"]}
    assert request.headers["X-Campaign"] == "dunning"
    assert 6 <= len(request.headers["Idempotency-Key"]) <= 64


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_post_and_patch_carry_an_idempotency_key(call, singer, method):
    """Invoiced refuses it with any other method."""
    _, (request,) = call(singer.stream("own", {"id": 5}), method=method, path="/any")
    assert "Idempotency-Key" not in request.headers


def test_what_fills_the_path_is_quoted_and_leads_nowhere_else(call, singer):
    _, (request,) = call(
        singer.stream("own", {"plan": "../customers/5?x=1"}),
        method="DELETE",
        path="/plans/{plan}",
        answered="/plans/../customers/5?x=1",
    )
    assert request.environ["RAW_URI"] == "/plans/..%2Fcustomers%2F5%3Fx%3D1"


def test_a_record_that_lacks_what_the_path_needs_is_a_reject(call, singer):
    run, requests = call(
        singer.stream("own", {"to": "x"}), method="POST", path="/invoices/{invoice}/emails"
    )
    assert "`invoice` is missing, but the path of the call needs it" in run.complaint
    assert requests == []


# Batches


def numbers(*given):
    return [{"n": number} for number in given]


def test_a_batch_is_sent_when_full_at_a_state_and_at_the_end(call, singer):
    messages = [
        *singer.stream("own", *numbers(1, 2, 3, 4)),
        singer.state("after four"),
        *(singer.record("own", **record) for record in numbers(5, 6, 7, 8)),
    ]
    run, requests = call(messages, method="POST", path="/any", batch_size=3)
    assert bodies(requests) == [numbers(1, 2, 3), numbers(4), numbers(5, 6, 7), numbers(8)]
    assert run.messages == ["after four"]
    assert run.counts("own") == {"created": 8}


def test_a_batch_holds_only_what_goes_to_one_path(call, httpserver, singer):
    for invoice in (1, 2):
        httpserver.expect_request(f"/invoices/{invoice}/lines").respond_with_data("")
    records = [{"invoice": invoice, "n": n} for n, invoice in enumerate((1, 1, 2, 1))]
    _, requests = call(
        singer.stream("own", *records),
        method="POST",
        path="/invoices/{invoice}/lines",
        batch_size=9,
    )
    assert [request.path for request in requests] == [
        "/invoices/1/lines",
        "/invoices/2/lines",
        "/invoices/1/lines",
    ]
    assert bodies(requests) == [numbers(0, 1), numbers(2), numbers(3)]


def test_the_records_of_a_refused_batch_are_rejects_one_by_one(
    run_target, httpserver, singer, tmp_path
):
    httpserver.expect_ordered_request("/any").respond_with_json(REFUSAL, status=400)
    httpserver.expect_ordered_request("/any").respond_with_data("")
    file = tmp_path / "rejects.singer"
    run = run_target(
        None,
        [*singer.stream("own", *numbers(1, 2, 3)), singer.state(1)],
        base_url=httpserver.url_for(""),
        streams={"own": {"method": "POST", "path": "/any", "batch_size": 2}},
        max_connections=1,
        max_rejects=2,
        rejects=str(file),
    )
    assert (run.exit_code, run.messages) == (0, [1])
    assert run.counts("own") == {"created": 1, "rejected": 2}
    _, *kept = map(json.loads, file.read_text().splitlines())
    assert [one["record"] for one in kept] == numbers(1, 2)


def test_a_batch_that_was_sent_is_not_sent_again(run_target, httpserver, singer):
    """The input comes again, as after a run whose last STATE was not stored."""
    httpserver.expect_request("/any").respond_with_data("")
    settings = {
        "base_url": httpserver.url_for(""),
        "streams": {"own": {"method": "POST", "path": "/any", "batch_size": 2}},
    }
    messages = singer.stream("own", *numbers(1, 2, 3))
    run_target(None, messages, **settings)
    again = run_target(None, messages, **settings)
    assert again.counts("own") == {"unchanged": 3}
    assert "3 records without a key were recognised" in again.stderr
    assert len(httpserver.log) == 2


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ({"method": "GET", "path": "/any"}, "needs a `method`, one of POST, PATCH, PUT, DELETE"),
        ({"method": "POST"}, "needs a `path` such as /invoices/{invoice}/emails"),
        ({"method": "POST", "path": "https://x.example"}, "needs a `path` such as"),
        ({"method": "POST", "path": "/a?b=c"}, "needs a `path` such as"),
        ({"method": "POST", "path": "/any", "headers": ["a"]}, "needs `headers` as an object"),
        ({"method": "POST", "path": "/any", "headers": {"a": "b\nc"}}, "needs `headers` as an"),
        ({"method": "POST", "path": "/any", "batch_size": 101}, "`batch_size` of 1 to 100"),
        ({"method": "POST", "path": "/any", "endpoint": "customers"}, "has an unknown key"),
    ],
    ids=lambda value: "" if isinstance(value, str) else json.dumps(value),
)
def test_a_call_that_cannot_be_made_stops_before_any_request(run_target, httpserver, to, said):
    run = run_target(None, b"", base_url=httpserver.url_for(""), streams={"own": to})
    assert said in run.complaint
    assert httpserver.log == []
