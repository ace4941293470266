"""With `ids` invoiced, only `id` is a key: any other would create an object with each change."""

import pytest


@pytest.mark.parametrize(
    ("stream", "key"),
    [("customers", ["customer_id"]), ("invoices", ["number"]), ("customers", ["tenant", "id"])],
)
def test_another_key_ends_the_run_before_the_first_write(
    run_target, account, server, singer, stream, key
):
    record = {"customer_id": 5, "name": "A", "tenant": 1}
    run = run_target(server, singer.stream(stream, record, key=key))
    assert run.exit_code == 1
    assert f"the key of `{stream}` is `{'`, `'.join(key)}`" in run.complaint
    assert 'Set `ids` to "external" for it in `streams`' in run.complaint
    assert not account.objects(stream)


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ("customers", ["id"]),
        ("customers", []),
        ("contacts", ["customer", "id"]),
        ("contacts", ["id", "customer"]),
        ("contacts", ["id"]),
    ],
)
def test_the_id_of_this_account_and_its_parent_may_be_the_key(
    run_target, account, server, singer, stream, key
):
    customer = account.add("customers", name="A")["id"]
    record = {"name": "B", "customer": customer}
    run = run_target(server, singer.stream(stream, record, key=key))
    assert run.exit_code == 0, run.stderr


def test_a_mapped_stream_and_a_custom_call_may_have_any_key(run_target, account, server, singer):
    streams = {"customers": {"ids": "external"}, "gone": {"method": "DELETE", "path": "/tasks/{n}"}}
    messages = [
        *singer.stream("customers", {"customer_id": 5, "name": "A"}, key=["customer_id"]),
        *singer.stream("gone", key=["n"]),
    ]
    run = run_target(server, messages, streams=streams)
    assert run.exit_code == 0, run.stderr
