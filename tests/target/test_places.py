"""Every reject and every warning of a record names its line, its stream and its key."""

import pytest

LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]
CALL = {"own": {"method": "POST", "path": "/invoices/{invoice}/emails"}}

# One record of each kind that is refused: before it is sent, by Invoiced, or for want of another.
REJECTS = {
    "schema": ("customers", {"id": "k-1", "name": 5}),
    "cannot-be-kept": ("customers", {"id": "k-1", "name": "\ud83d"}),
    "mapping": ("invoices", {"id": "k-1", "customer": "c", "items": LINES, "date": "soon"}),
    "status": ("invoices", {"id": "k-1", "customer": "c", "items": LINES, "status": "who knows"}),
    "side-effect": ("own", {"id": "k-1", "invoice": "i"}),
    "refused": ("customers", {"id": "k-1", "credit_limit": "much"}),
    "taken": ("customers", {"id": "k-1", "name": "B", "number": "C-0"}),
    "never-came": ("invoices", {"id": "k-1", "customer": "nobody", "items": LINES}),
    "fixed": ("plans", {"id": "k-1", "name": "A", "amount": 6, "interval": "month"}),
}


@pytest.fixture
def load(run_target, server, account, singer):
    account.add("customers", id=5, name="A", number="C-0")
    account.add("plans", id="k-1", name="A", amount=5, interval="month")
    settings = {"ids": "external", "max_rejects": -1, "streams": CALL}

    def run(stream, record, *, key=("id",), **more):
        schema = singer.schema(stream, key=key, name={"type": "string"})
        before = singer.stream("customers", {"id": "c", "name": "A", "number": "C-0"})
        messages = [*before, schema, singer.record(stream, **record)]
        return run_target(server, messages, **settings, **more)

    return run


@pytest.mark.parametrize("kind", REJECTS)
@pytest.mark.parametrize("filed", [False, True], ids=["log", "file"])
def test_a_reject_names_its_line_stream_and_key(load, rejects_in, tmp_path, kind, filed):
    file = tmp_path / "rejects.singer"
    stream, record = REJECTS[kind]
    run = load(stream, record, **({"rejects": str(file)} if filed else {}))
    assert run.exit_code == 0, run.stderr
    if filed:
        (reject,) = rejects_in(file)
        assert reject["stream"] == stream
        assert (reject["reject"]["line"], reject["reject"]["key"]) == (4, {"id": "k-1"})
    else:
        (error,) = [line for line in run.stderr.splitlines() if line.startswith("ERROR ")]
        assert error.startswith(f"ERROR line 4, {stream} (id: k-1): ")


@pytest.mark.parametrize(
    ("record", "key", "shown"),
    [
        pytest.param({"t": 1, "a": "x"}, ("t", "a"), " (t: 1, a: x)", id="several-columns"),
        pytest.param({"id": "a\nb"}, ("id",), " (id: a b)", id="two-lines"),
        pytest.param({"id": "k" * 200}, ("id",), f" (id: {'k' * 100}…)", id="long"),
        pytest.param({"id": "k"}, (), " (id: k)", id="no-key-but-an-id"),
        pytest.param({"other": 1}, (), "", id="nothing-names-it"),
    ],
)
def test_a_key_is_shown_in_one_short_line(load, record, key, shown):
    run = load("customers", {**record, "name": 5}, key=key)
    (error,) = [line for line in run.stderr.splitlines() if line.startswith("ERROR ")]
    assert error == f"ERROR line 4, customers{shown}: name must be of type string"


def test_a_key_that_is_a_card_number_is_not_shown(load, card):
    run = load("customers", {"id": card, "name": "A"})
    assert card not in run.stderr
    assert "ERROR line 4, customers (id: [hidden]): its key" in run.stderr
