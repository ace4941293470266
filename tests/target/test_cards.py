"""A full card number is refused, and shown nowhere."""

import json

import pytest


def test_a_record_with_a_card_number_is_refused_and_shown_nowhere(
    run_target, account, server, singer, tmp_path, card
):
    file = tmp_path / "rejects.singer"
    records = [{"name": "A", "notes": f"card {card}"}, {"name": "B", "phone": card}]
    run = run_target(
        server,
        singer.stream("customers", *records),
        rejects=str(file),
        max_rejects=-1,
        allow_card_like=["phone"],
        env={"LOGLEVEL": "DEBUG"},
    )
    assert run.counts("customers") == {"created": 1, "rejected": 1}
    assert [row["phone"] for row in account.objects("customers")] == [card]
    assert "`notes` looks like a full card number" in file.read_text()
    assert card not in file.read_text()
    assert card not in run.stderr
    again = run_target(server, file.read_bytes(), max_rejects=-1)
    assert again.counts("customers") == {"rejected": 1}, "as it stands, it is no record"
    assert "`notes` was hidden in the rejects file" in again.stderr


def test_a_key_that_hides_a_card_number_behind_escapes_is_refused(
    run_target, server, singer, tmp_path, card
):
    hidden = f'{{"a": "\\u003{card[0]}{card[1:]}"}}'
    assert json.loads(hidden) == {"a": card}
    settings = {"ids": "external", "rejects": str(tmp_path / "rejects.singer"), "max_rejects": -1}
    run = run_target(server, singer.stream("customers", {"id": hidden, "name": "A"}), **settings)
    assert run.counts("customers") == {"rejected": 1}
    for file in tmp_path.iterdir():
        assert card[1:].encode() not in file.read_bytes() or file.name == "config.json", file


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda card: {"id": int(card)}, id="as-the-id"),
        pytest.param(lambda card: {"metadata": {card: "x"}}, id="as-a-metadata-key"),
        pytest.param(lambda card: {"credit_limit": float(card)}, id="as-a-float"),
    ],
)
def test_card_numbers_are_refused_wherever_they_stand(
    run_target, account, server, singer, tmp_path, card, hide
):
    file = tmp_path / "rejects.singer"
    record = {"name": "A", **hide(card)}
    run = run_target(server, singer.stream("customers", record), rejects=str(file), max_rejects=-1)
    assert run.counts("customers") == {"rejected": 1}
    assert account.objects("customers") == []
    assert card not in file.read_text() + run.stderr
    assert not any(card in path for _, path, _ in server.requests)


def test_a_card_number_is_kept_nowhere(run_target, account, server, singer, tmp_path, card):
    """Wherever it is: in attributes that are sent or not, in parked records, in keys."""
    account.add("customers", id=50, name=f"said by Invoiced: {card}", number="C-1")
    spaced = " ".join(card[at : at + 4] for at in range(0, 16, 4))
    hidden = {"mine": card, "more": {"deep": [int(card)]}}
    run = run_target(
        server,
        [
            *singer.stream("customers", {"id": "sent", "name": card}, {"id": "left", **hidden}),
            *singer.stream("customers", {"id": card, "name": "As its key"}),
            *singer.stream("customers", {"name": "As another key", "mine": card}, key=["mine"]),
            *singer.stream("customers", {"id": "adopts", "number": "C-1", "phone": "1"}),
            *singer.stream("invoices", {"id": "waits", "customer": "never", **hidden}),
            *singer.stream("invoices", {"id": "to", "customer": card}),
            *singer.stream("invoices", {"id": "to it", "customer": {"number": spaced}}),
            *singer.stream("own", {"customer": card}),
        ],
        env={"LOGLEVEL": "DEBUG"},
        ids="external",
        max_rejects=-1,
        rejects=str(tmp_path / "rejects.singer"),
        responses=str(tmp_path / "responses.singer"),
        report=str(tmp_path / "report.json"),
        streams={"own": {"method": "DELETE", "path": "/customers/{customer}", "ids": "invoiced"}},
    )
    assert run.exit_code == 0, run.stderr
    assert run.counts("invoices") == {"rejected": 3}
    (tmp_path / "config.json").unlink()
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"ledger.db", "rejects.singer", "responses.singer", "report.json"} <= written.keys()
    written |= {"stdout": run.stdout, "stderr": run.stderr.encode()}
    for name, content in written.items():
        assert card.encode() not in content, name
        assert spaced.encode() not in content, name
    assert not any(card in request.path for request in server.requests)


@pytest.mark.parametrize("option", ["--dry-run", "--test"])
def test_what_is_shown_of_requests_and_answers_shows_no_card_number(
    run_target, account, server, singer, card, option
):
    account.add("customers", id=1, name="A", notes=f"said by Invoiced: {card}")
    run = run_target(
        server,
        singer.stream("customers", {"id": 1, "phone": card}),
        option,
        allow_card_like=["phone"],
        env={"LOGLEVEL": "DEBUG"},
    )
    assert run.exit_code == 0, run.stderr
    assert len(run.messages) == 1
    assert card not in run.stdout.decode() + run.stderr


def test_a_broken_line_is_not_echoed(run_target, server, card):
    run = run_target(server, f'{{"type": "RECORD", "stream": "{card}", "card": {card}\n'.encode())
    assert "line 1 of the input (stream `[hidden]`) is not JSON" in run.complaint
    assert card not in run.stderr
