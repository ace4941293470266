"""The webhook's address is used as it is given, and no part of a secret is in an error."""

import re

import pytest

CHANGED = ("/h/p?a=1&a=2&sig=", "/h/p?abcTOKEN", "/h/p/", "/h/p?a=%2Fb+c%20d", "/h//p?", "/")


@pytest.mark.parametrize("address", [*(pytest.param(one) for one in CHANGED), "/h/p?b=2&a=1"])
def test_the_webhook_is_sent_to_the_address_as_given(
    httpserver, run_target, server, singer, tmp_path, address
):
    httpserver.expect_request(re.compile(".*")).respond_with_data("", status=200)
    run = run_target(
        server,
        singer.stream("customers", {"name": "A"}),
        responses=str(tmp_path / "responses"),
        response_webhook=httpserver.url_for("").rstrip("/") + address,
    )
    assert run.exit_code == 0, run.stderr
    ((request, _),) = httpserver.log
    assert request.environ["RAW_URI"] == address


SECRET = "hush-5x"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {"streams": '{"own": {"method": "POST", "headers": {"X-Key": "hush-5x"} oops'},
            id="broken-json-with-a-header",
        ),
        pytest.param({"streams": '{"own": "hush-5x'}, id="broken-json-cut-off"),
        pytest.param({"ledger": "postgresql://me:hush-5x:more@127.0.0.1:1/db"}, id="colon"),
        pytest.param({"ledger": "postgresql://me:hush-5x@more@127.0.0.1:1/db"}, id="at-sign"),
        pytest.param({"ledger": "postgresql://me:hush-5x/more@127.0.0.1:1/db"}, id="slash"),
        pytest.param({"ledger": "postgresql://me:hush-5x#more@127.0.0.1:1/db"}, id="hash"),
        pytest.param({"ledger": "postgresql://me:hush-5x?more@127.0.0.1:1/db"}, id="question-mark"),
        pytest.param({"ledger": "mysql://me:hush-5x@127.0.0.1/db"}, id="another-database"),
        pytest.param({"base_url": "https://me:hush-5x@127.0.0.1:1"}, id="in-the-base-url"),
        pytest.param(
            {"response_webhook": "ftp://127.0.0.1/hush-5x", "responses": "r"}, id="webhook"
        ),
    ],
)
def test_an_error_shows_no_part_of_a_secret(run_target, server, singer, settings, tmp_path):
    messages = singer.stream("customers", {"name": "A"})
    run = run_target(None, messages, **{"base_url": server.url, **settings})
    assert run.exit_code == 1
    assert run.complaint
    for part in (SECRET, "hush", "5x:more", "more@"):
        assert part not in run.stderr
    assert "unexpectedly" not in run.stderr
