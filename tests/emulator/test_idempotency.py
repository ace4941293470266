"""What an Idempotency-Key promises, and what it does not."""

import threading

import pytest
import requests

from invoiced_emulator import Faults, Server


def post(api, body, key):
    return api("POST", "/customers", json=body, headers={"Idempotency-Key": key})


def test_the_same_key_gets_the_same_answer_and_creates_once(account, api):
    first, second = (post(api, {"name": "B"}, "key-one") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert len(account.objects("customers")) == 2


def test_a_refusal_is_remembered_even_for_a_corrected_body(account, api):
    assert post(api, {"email": "no name"}, "key-one").status_code == 400
    assert post(api, {"name": "B"}, "key-one").status_code == 400
    assert post(api, {"name": "B"}, "key-two").status_code == 201


def test_a_key_is_forgotten_after_a_day(account, clock, api):
    post(api, {"name": "B"}, "key-one")
    clock.now += 24 * 3600
    post(api, {"name": "B"}, "key-one")
    assert len(account.objects("customers")) == 3


def test_a_401_is_not_remembered(api):
    headers = {"Idempotency-Key": "key-one"}
    refused = api("POST", "/customers", json={"name": "B"}, headers=headers, auth=("wrong", ""))
    assert refused.status_code == 401
    assert post(api, {"name": "B"}, "key-one").status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        pytest.param("POST", "/customers", "short", id="five-characters"),
        pytest.param("PATCH", "/customers/1", "k" * 65, id="sixty-five-characters"),
        pytest.param("DELETE", "/customers/1", "long-enough", id="with-delete"),
        pytest.param("GET", "/customers", "long-enough", id="with-get"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(account, api, method, path, key):
    answer = api(method, path, json={"name": "B"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert account.get("customers", 1)["name"] == "Acme"


def test_a_patch_is_remembered_too(account, api):
    headers = {"Idempotency-Key": "key-one"}
    api("PATCH", "/customers/1", json={"name": "B"}, headers=headers)
    account.edit("customers", 1, name="C")
    answer = api("PATCH", "/customers/1", json={"name": "B"}, headers=headers)
    assert answer.json()["name"] == "B"
    assert account.get("customers", 1)["name"] == "C"


def test_a_key_does_not_protect_two_requests_in_flight_at_once(account, serve):
    api = serve(account, latency_s=0.3)
    together = threading.Barrier(2)

    def ask():
        together.wait()
        post(api, {"name": "B"}, "key-one")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(account.objects("customers")) == 3


def test_invoiceds_own_500_is_remembered_and_was_not_carried_out(account, serve):
    fault = {"kind": "status", "status": 500, "remembered": True, "times": 1}
    api = serve(account, faults=Faults([fault]))
    assert post(api, {"name": "B"}, "key-one").status_code == 500
    assert post(api, {"name": "B"}, "key-one").status_code == 500
    assert post(api, {"name": "B"}, "key-two").status_code == 201
    assert len(account.objects("customers")) == 2


def test_a_gateways_500_is_not_remembered(account, serve):
    api = serve(account, faults=Faults([{"kind": "status", "status": 502, "times": 1}]))
    assert post(api, {"name": "B"}, "key-one").status_code == 502
    assert post(api, {"name": "B"}, "key-one").status_code == 201


def test_a_lost_answer_is_found_again_under_its_key(account, serve):
    api = serve(account, faults=Faults([{"kind": "drop_after", "times": 1}]))
    with pytest.raises(requests.ConnectionError):
        post(api, {"name": "B"}, "key-one")
    assert post(api, {"name": "B"}, "key-one").status_code == 201
    assert len(account.objects("customers")) == 2


def test_a_bearer_token_has_no_idempotency_keys(account, api):
    """The key of a request is stored by API key, which a token is not."""
    for key in ("key-one", "key-one", "short"):
        headers = {"Authorization": f"Bearer {account.api_key}", "Idempotency-Key": key}
        assert api("POST", "/customers", json={"name": "B"}, auth=None, headers=headers).ok
    assert len(account.objects("customers")) == 4


def test_a_failure_of_invoiceds_own_never_replaces_a_stored_response(account):
    """The server returns what it stored under a key, whatever happens to it now."""
    carried_out = {"kind": "slow", "seconds": 0, "times": 1}
    failing = {"kind": "status", "status": 500, "remembered": True}
    with Server(account, faults=Faults([carried_out, failing])) as server:
        body, headers = {"name": "B"}, {"Idempotency-Key": "key-one"}
        url, auth = f"{server.url}/customers", (account.api_key, "")
        first, second = (
            requests.post(url, json=body, headers=headers, auth=auth, timeout=5) for _ in range(2)
        )
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
