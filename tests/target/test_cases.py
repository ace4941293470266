"""Every endpoint, and every write that the API has: `.singer` files and what comes of them.

Beside `cases/NAME.singer` lies `NAME.json`: the `settings`, what the account holds `before`, the
requests that are `sent`, what the records of each stream `became`, and what the account shows
`after`, where each object may show more.
"""

import json
from pathlib import Path

import pytest

from invoiced_api.definitions import DeleteBehaviour
from invoiced_api.resources import ENDPOINTS

CASES = sorted((Path(__file__).parent / "cases").glob("*.singer"))


def expected(case):
    return json.loads(case.with_suffix(".json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_case_comes_out_as_it_says(run_target, account, server, case):
    wanted = expected(case)
    for resource, objects in wanted.get("before", {}).items():
        for attributes in objects:
            account.add(resource, **attributes)
    settings = {"max_connections": 1, **wanted.get("settings", {})}
    run = run_target(server, case.read_bytes(), **settings)
    assert run.exit_code == 0, run.stderr
    assert [f"{request.method} {request.path}" for request in server.requests] == wanted["sent"]
    assert {stream: run.counts(stream) for stream in wanted["became"]} == wanted["became"]
    for resource, objects in wanted.get("after", {}).items():
        found = account.objects(resource)
        assert len(found) == len(objects), resource
        for row, attributes in zip(found, objects, strict=True):
            assert {**row, **attributes} == row, resource


def test_every_case_has_its_end():
    ends = {path.stem for path in (Path(__file__).parent / "cases").glob("*.json")}
    assert ends == {case.stem for case in CASES}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_write_of_an_endpoint_has_a_case(endpoint):
    writes = ENDPOINTS[endpoint]
    became = [
        kind
        for case in CASES
        for stream, kinds in expected(case)["became"].items()
        if stream == endpoint
        for kind in kinds
    ]
    assert "created" in became
    assert writes.update is None or "updated" in became
    assert writes.removal is None or "deleted" in became
    assert (
        writes.removal not in (DeleteBehaviour.VOID, DeleteBehaviour.VOID_ONCE_ISSUED)
        or "voided" in became
    )
