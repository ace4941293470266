"""Authentication, and how many requests may run at once."""

import threading

import pytest
import requests

KEY = "a-key-of-ours"


@pytest.mark.parametrize(
    ("auth", "headers", "status"),
    [
        pytest.param((KEY, ""), {}, 200, id="key-as-user-name"),
        pytest.param(None, {"Authorization": f"Bearer {KEY}"}, 200, id="bearer-token"),
        pytest.param(("wrong-secret", ""), {}, 401, id="wrong-key"),
        pytest.param(None, {"Authorization": "Bearer wrong-secret"}, 401, id="wrong-token"),
        pytest.param(None, {"Authorization": "Basic %%%"}, 401, id="not-base64"),
        pytest.param(None, {}, 401, id="no-key"),
    ],
)
def test_only_the_key_opens_the_account(api, auth, headers, status):
    answer = api("GET", "/customers", auth=auth, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["type"] == "invalid_request"
        assert KEY not in answer.text
        assert "wrong-secret" not in answer.text


def test_a_canceled_account_answers_402_to_everything(account, api):
    account.canceled_account = True
    assert api.get("/customers").status_code == 402
    assert api.post("/customers", {"name": "B"}).status_code == 402
    assert len(account.objects("customers")) == 1


def test_a_forbidden_resource_answers_403_and_the_others_work(account, api):
    account.forbidden.add("estimates")
    assert api.get("/estimates").status_code == 403
    assert api.get("/invoices").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nothing", 404, id="unknown-resource"),
        pytest.param("GET", "/customers/99", 404, id="unknown-id"),
        pytest.param("GET", "/customers/abc", 404, id="id-that-is-no-number"),
        pytest.param("POST", "/customers/1/void", 404, id="action-of-another-resource"),
        pytest.param("PUT", "/customers/1", 405, id="method-not-of-an-object"),
        pytest.param("DELETE", "/customers", 405, id="method-not-of-a-list"),
        pytest.param("POST", "/events", 405, id="events-are-read-only"),
    ],
)
def test_what_is_not_there_is_said_so(api, method, path, status):
    answer = api(method, path)
    assert answer.status_code == status
    assert answer.json()["message"]


def test_the_date_header_shows_the_time_of_the_account(api, clock):
    answer = api.get("/customers")
    assert answer.headers["Date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert answer.headers["Content-Type"] == "application/json"


def test_the_21st_request_at_once_is_refused_at_once(account, serve):
    api = serve(account, latency_s=0.5)
    together = threading.Barrier(21)
    answers = []

    def ask():
        together.wait()
        answers.append(requests.get(f"{api.server.url}/customers", auth=(KEY, ""), timeout=20))

    threads = [threading.Thread(target=ask) for _ in range(21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "Retry-After" not in refused.headers
    assert api.server.stats.max_in_flight == 20
    assert api.server.stats.too_many == 1


def test_the_server_counts_and_lists_what_it_was_asked(api):
    api.get("/customers", page=1)
    api.get("/customers/1")
    assert api.server.stats.requests == 2
    assert api.server.stats.by_path == {"GET /customers": 1, "GET /customers/:id": 1}
    assert list(api.server.requests) == [
        ("GET", "/customers?page=1", 200),
        ("GET", "/customers/1", 200),
    ]


def test_before_request_sees_every_request_and_may_edit_the_account(account, serve):
    seen = []

    def edit(account, number, method, path):
        seen.append((number, method, path))
        account.edit("customers", 1, name=f"Name {number}")

    api = serve(account, before_request=edit)
    assert api.get("/customers/1").json()["name"] == "Name 1"
    assert api.get("/customers/1").json()["name"] == "Name 2"
    assert seen == [(1, "GET", "/customers/1"), (2, "GET", "/customers/1")]


def test_what_the_account_lacks_is_a_400_that_names_the_feature(account, api):
    account.lacks.add("subscription_billing")
    body = {"customer": 1, "plan": "starter"}
    for refused in (
        api.get("/subscriptions"),
        api.get("/plans"),
        api.get("/plans/starter"),
        api.post("/subscriptions", body),
    ):
        assert refused.status_code == 400
        assert refused.json() == {
            "type": "invalid_request",
            "message": "Your Invoiced account does not have access to this feature.",
        }
    assert api.get("/customers").status_code == 200
