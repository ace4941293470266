"""A full card number is refused, and shown nowhere."""

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
    assert "`notes` was hidden when the record was refused before" in again.stderr


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
