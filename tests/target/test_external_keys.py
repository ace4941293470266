"""Keys of another system: each stands for one object, in this run and in later ones."""

import pytest

from target_invoiced.ledger import Ledger

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}


@pytest.fixture
def account(account):
    """Objects whose ids look like keys of the other system, and are not."""
    for key in range(1, 6):
        account.add("customers", id=key, name="Somebody", number=f"OLD-{key}")
    return account


@pytest.fixture
def load(run_target, server):
    """Runs the target with keys of another system; returns the run and the writes it made."""

    def run(*messages, **settings):
        before = len(server.requests)
        done = run_target(server, list(messages), **{"ids": "external", **settings})
        requests = [f"{one.method} {one.path}" for one in list(server.requests)[before:]]
        return done, requests

    return run


def newest(account, resource="customers"):
    return account.objects(resource)[-1]


# What the key is


@pytest.mark.parametrize(
    ("key", "of"),
    [
        pytest.param(["id"], lambda number: {"id": f"a-{number}"}, id="id"),
        pytest.param(["id"], lambda number: {"id": number}, id="a-number-that-is-an-id-here"),
        pytest.param(["account_no"], lambda number: {"account_no": number}, id="another-name"),
        pytest.param(
            ["system", "no"], lambda number: {"system": "crm", "no": number}, id="of-two-properties"
        ),
    ],
)
def test_the_key_properties_of_the_schema_are_the_key(load, singer, account, key, of):
    first, writes = load(
        *singer.stream("customers", *({"name": f"N{n}", **of(n)} for n in (1, 2)), key=key)
    )
    assert (first.exit_code, writes) == (0, ["POST /customers"] * 2)
    changed = {"name": "N2, renamed", **of(2)}
    again, writes = load(*singer.stream("customers", {"name": "N1", **of(1)}, changed, key=key))
    assert again.counts("customers") == {"unchanged": 1, "updated": 1}
    assert len(writes) == 1
    names = sorted(row["name"] for row in account.objects("customers") if row["id"] > 5)
    assert names == ["N1", "N2, renamed"]
    assert {row["name"] for row in account.objects("customers") if row["id"] <= 5} == {"Somebody"}


def test_a_number_and_its_text_are_one_key(load, singer):
    load(*singer.stream("customers", {"id": 15444, "name": "A"}))
    again, writes = load(*singer.stream("customers", {"id": "15444", "name": "B"}))
    assert again.counts("customers") == {"updated": 1}
    assert writes == ["PATCH /customers/6"]


def test_keys_of_two_resources_have_nothing_to_do_with_each_other(load, singer, account):
    run, _ = load(
        *singer.stream("customers", {"id": "1", "name": "A"}),
        *singer.stream("invoices", {"id": "1", "customer": "1"}),
    )
    assert run.exit_code == 0
    assert newest(account, "invoices")["customer"] == newest(account)["id"]


def test_two_streams_of_one_endpoint_share_their_keys(load, singer, account):
    streams = {"crm": {"endpoint": "customers"}, "erp": {"endpoint": "customers"}}
    load(*singer.stream("crm", {"id": "a", "name": "A"}), streams=streams)
    _, writes = load(*singer.stream("erp", {"id": "a", "phone": "1"}), streams=streams)
    assert writes == ["PATCH /customers/6"]
    assert (newest(account)["name"], newest(account)["phone"]) == ("A", "1")


def test_a_child_whose_parent_is_named_by_number_has_a_key_all_the_same(load, singer, account):
    """Such a record once counted as keyless, and each change created a new object."""
    for title in ("CFO", "CEO"):
        record = {"id": "k", "customer": {"number": "OLD-1", "name": title}, "title": title}
        run, writes = load(*singer.stream("contacts", record, key=["customer", "id"]))
        assert run.exit_code == 0
    assert [row["title"] for row in account.objects("contacts")] == ["CEO"]
    assert writes[-1] == "PATCH /customers/1/contacts/1"


def test_a_record_without_its_key_is_created_as_often_as_it_is_meant(load, singer, account):
    """Nothing distinguishes the two: both equal records may be intended."""
    run, _ = load(*singer.stream("customers", {"name": "A"}, {"id": None, "name": "A"}))
    assert run.counts("customers") == {"created": 2}
    assert len(account.objects("customers")) == 7


def test_a_stream_that_names_no_key_is_warned_of_once(load, singer):
    """As taps declare views: a later run would double what this one creates."""
    run, _ = load(
        *singer.stream("customers", {"id": "a", "name": "A"}, key=()),
        *singer.stream("customers", {"id": "b", "name": "B"}, key=()),
    )
    warnings = [line for line in run.stderr.splitlines() if line.startswith("WARNING ")]
    # The emulator's clock stands still: the run reports that too.
    (warning,) = [line for line in warnings if "the server's clock is" not in line]
    assert warning.startswith("WARNING customers: its SCHEMA names no `key_properties`: records ")
    assert run.exit_code == 0


@pytest.mark.parametrize(
    "of_stream",
    [{"endpoint": "customers", "ids": "invoiced"}, {"method": "POST", "path": "/customers"}],
)
def test_a_stream_that_needs_no_key_is_not_warned_of(load, singer, of_stream):
    run, _ = load(*singer.stream("crm", {"name": "A"}, key=()), streams={"crm": of_stream})
    assert (run.exit_code, "key_properties" in run.stderr) == (0, False)


@pytest.mark.parametrize(
    "key", [["a"], True, {"b": 1}], ids=["list", "boolean", "object-that-names-nothing"]
)
def test_a_key_that_is_none_is_a_reject(load, singer, server, key):
    run, writes = load(*singer.stream("customers", {"id": key, "name": "A"}), max_rejects=1)
    assert "its key is " in run.stderr
    assert writes == []


# What has been written


def test_a_record_that_is_what_it_was_costs_no_request(load, singer):
    messages = singer.stream("customers", *({"id": n, "name": f"N{n}"} for n in range(20)))
    load(*messages)
    again, requests = load(*messages, singer.state(1))
    assert again.counts("customers") == {"unchanged": 20}
    assert (again.messages, requests) == ([1], [])


def test_a_change_of_what_is_left_out_is_no_change(load, singer):
    streams = {"customers": {"exclude": ["synced_at"]}}
    for moment in ("noon", "midnight"):
        record = {"id": "a", "name": "A", "synced_at": moment}
        _, requests = load(*singer.stream("customers", record), streams=streams)
    assert requests == []


def test_the_order_of_attributes_is_no_change(load, singer):
    load(*singer.stream("customers", {"id": "a", "name": "A", "phone": "1"}))
    _, requests = load(*singer.stream("customers", {"phone": "1", "name": "A", "id": "a"}))
    assert requests == []


def test_what_changes_and_changes_back_within_a_run_ends_where_it_began(load, singer, account):
    versions = [{"id": "a", "name": name} for name in ("A", "B", "A")]
    load(*singer.stream("customers", *versions))
    assert newest(account)["name"] == "A"
    _, requests = load(*singer.stream("customers", {"id": "a", "name": "B"}, versions[0]))
    assert newest(account)["name"] == "A"
    assert requests == ["PATCH /customers/6"] * 2


def test_what_changes_and_changes_back_across_runs_ends_where_it_began(load, singer, account):
    for name in ("A", "B", "A"):
        run, requests = load(*singer.stream("customers", {"id": "a", "name": name}))
        assert (run.exit_code, len(requests)) == (0, 1)
        assert newest(account)["name"] == name


def test_a_record_that_was_refused_is_tried_again_though_it_is_what_it_was(load, singer, account):
    """Once the API key may write, the refused records are written."""
    account.forbidden.add("customers")
    messages = singer.stream("customers", {"id": "a", "name": "A"})
    refused, _ = load(*messages, max_rejects=1)
    assert refused.counts("customers") == {"rejected": 1}
    account.forbidden.clear()
    run, _ = load(*messages)
    assert run.counts("customers") == {"created": 1}


# Deletions


def test_a_deleted_object_is_created_again_when_its_key_comes_again(load, singer, account):
    """Under another idempotency key, or Invoiced would answer with the object that is gone."""
    record = {"id": "a", "name": "A"}
    within, requests = load(*singer.stream("customers", record, {"id": "a", **GONE}, record))
    assert within.counts("customers") == {"created": 2, "deleted": 1}
    assert requests == ["POST /customers", "DELETE /customers/6", "POST /customers"]
    load(*singer.stream("customers", {"id": "a", **GONE}))
    assert len(account.objects("customers")) == 5
    across, requests = load(*singer.stream("customers", record))
    assert (across.counts("customers"), requests) == ({"created": 1}, ["POST /customers"])
    assert newest(account)["name"] == "A"


def test_a_deletion_of_what_never_came_or_is_gone_already_costs_no_request(load, singer):
    load(*singer.stream("customers", {"id": "a", "name": "A"}, {"id": "a", **GONE}))
    run, requests = load(
        *singer.stream("customers", {"id": "a", **GONE}, {"id": "never", "name": "N", **GONE})
    )
    assert (run.exit_code, requests) == (0, [])
    assert run.counts("customers") == {"unchanged": 2}


# What is there already


@pytest.mark.parametrize(
    ("resource", "there", "record"),
    [
        ("customers", {"id": 7, "number": "C-7"}, {"id": "a", "number": "C-7", "name": "B"}),
        ("invoices", {"id": 7, "number": "I-7", "customer": 1}, {"id": "a", "number": "I-7"}),
        ("estimates", {"id": 7, "number": "E-7", "customer": 1}, {"id": "a", "number": "E-7"}),
        ("credit_notes", {"id": 7, "number": "N-7", "customer": 1}, {"id": "a", "number": "N-7"}),
        ("plans", {"id": "pro", "name": "P"}, {"id": "pro", "name": "Q"}),
        ("items", {"id": "pro", "name": "P"}, {"id": "pro", "name": "Q"}),
        ("coupons", {"id": "pro", "name": "P"}, {"id": "pro", "name": "Q"}),
        ("tax_rates", {"id": "pro", "name": "P"}, {"id": "pro", "name": "Q"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_object_that_is_there_already_is_adopted(load, singer, account, resource, there, record):
    account.add(resource, **there)
    before = len(account.objects(resource))
    run, _ = load(*singer.stream(resource, {**record, "notes": "N"}))
    assert run.counts(resource) == {"updated": 1}, run.stderr
    after = account.objects(resource)
    assert len(after) == before
    _, requests = load(*singer.stream(resource, {**record, "name": "Z"}))
    assert requests == [f"PATCH /{resource}/{there['id']}"], "and is known from then on"


def test_two_keys_of_one_object_are_a_reject(load, singer, account):
    """One of them would undo what the other has written."""
    run, _ = load(
        *singer.stream(
            "customers",
            {"id": "a", "name": "A", "number": "C-1"},
            {"id": "b", "name": "B", "number": "C-1"},
        ),
        max_rejects=1,
    )
    said = "it is the same object as customers with the key a: remove one of the two records"
    assert f"line 3, customers (id: b): {said}" in run.stderr
    assert newest(account)["name"] == "A"


def test_a_record_without_a_key_takes_over_nothing(load, singer, account):
    """Its number is taken: no ledger entry would show to which record the object belongs."""
    run, writes = load(*singer.stream("customers", {"name": "X", "number": "OLD-1"}))
    assert run.exit_code == 1
    assert "The number OLD-1 is taken" in run.complaint
    assert set(writes) == {"POST /customers"}
    assert account.get("customers", 1)["name"] == "Somebody"


def test_more_than_one_object_under_a_number_is_a_reject(load, singer, account):
    for _ in range(2):
        account.add("customers", name="Twin", number="C-1")
    run, requests = load(*singer.stream("customers", {"id": "a", "number": "C-1"}), max_rejects=1)
    assert "several customers with the number C-1" in run.stderr
    assert not any(request.startswith("POST") for request in requests)


def test_an_object_whose_id_is_the_callers_own_may_be_called_by_it_though_nobody_sent_it(
    load, singer, account
):
    account.add("plans", id="pro", name="Pro", amount=10)
    run, _ = load(
        *singer.stream("customers", {"id": "a", "name": "A"}),
        *singer.stream("subscriptions", {"id": "s", "customer": "a", "plan": "pro"}),
    )
    assert run.exit_code == 0
    assert newest(account, "subscriptions")["plan"] == "pro"


# The ledger


def test_keys_of_another_system_need_a_ledger(load, singer):
    run, requests = load(*singer.stream("customers", {"id": "a"}), ledger="none")
    assert "setting `ledger` is none, but keys of other systems" in run.complaint
    assert requests == []


def test_an_object_that_only_the_ledger_knows_is_a_reject_that_says_why_that_may_be(
    load, singer, account
):
    load(*singer.stream("customers", {"id": "a", "name": "A"}))
    account.remove("customers", newest(account, "customers")["id"])
    run, _ = load(*singer.stream("customers", {"id": "a", "name": "B"}))
    known = "The ledger still contains it: either it was deleted or merged in Invoiced since, "
    assert f"{known}or the ledger is of another account." in run.complaint
    remedy = "If it is gone, send its record with `_sdc_deleted_at`, and then without, "
    assert f"{remedy}to create it again. If it was merged, send it with the number" in run.complaint


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--dry-run"]])
def test_a_ledger_that_cannot_be_made_ends_the_run_with_its_path(
    run_target, server, tmp_path, arguments
):
    ledger = f"sqlite:///{tmp_path}/no-such-folder/ledger.db"
    run = run_target(server, b"", *arguments, ledger=ledger)
    if arguments == ["--dry-run"]:
        assert run.exit_code == 0  # it does not need one
        return
    said = f"setting `ledger`: {tmp_path}/no-such-folder/ledger.db cannot be used: unable to open"
    assert run.complaint.startswith(said)
    assert "Its folder must exist, and both must be writable." in run.complaint


def test_the_path_of_a_new_ledger_is_logged(run_target, server, tmp_path):
    """A ledger path in the wrong folder would start an empty ledger without notice."""
    runs = [run_target(server, b"") for _ in range(2)]
    line = f"INFO creating a new ledger: {tmp_path}/ledger.db"
    assert [line in run.stderr for run in runs] == [True, False]


def test_a_check_creates_no_ledger(run_target, server, tmp_path):
    file = tmp_path / "ledger.db"
    check = run_target(server, b"", "--check")
    assert f"ledger: {file} will be created" in check.stdout.decode().splitlines()
    assert not file.exists()
    assert f"INFO creating a new ledger: {file}" in run_target(server, b"").stderr
    again = run_target(server, b"", "--check")
    assert f"ledger: sqlite:///{file} is usable" in again.stdout.decode().splitlines()


@pytest.mark.parametrize("folder", ["no-such-folder/", ""], ids=["cannot-be-made", "in-memory"])
def test_a_ledger_that_no_file_was_made_for_is_not_called_new(run_target, server, tmp_path, folder):
    ledger = f"sqlite:///{tmp_path}/{folder}ledger.db" if folder else "sqlite:///:memory:"
    assert "creating a new ledger" not in run_target(server, b"", ledger=ledger).stderr


def test_a_check_of_a_ledger_that_another_run_uses_says_so(run_target, server, tmp_path):
    other = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    run = run_target(server, b"", "--check")
    other.close()
    said = f"setting `ledger`: {tmp_path}/ledger.db is in use by another run. Wait until it ends, "
    assert run.complaint == f"{said}and start again."
