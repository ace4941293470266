"""Input that breaks off: what came before it is written, and STATE goes no further."""

import json


def line(message):
    return json.dumps(message).encode() + b"\n"


def test_records_before_a_broken_line_are_written_and_those_behind_it_are_not(
    run_target, account, server, singer
):
    """Also when there is so much behind it that it is read ahead in several parts."""
    schema, state = singer.schema("customers"), singer.state
    before = [singer.record("customers", name=f"before {number}") for number in range(20)]
    behind = [singer.record("customers", name="behind", notes="x" * 500) for _ in range(600)]
    lines = b"".join(
        [
            *map(line, [schema, state(1), *before]),
            b"not JSON\n",
            *map(line, [*behind, state(2)]),
        ]
    )
    run = run_target(server, lines)
    assert run.exit_code == 1
    assert "is not JSON" in run.complaint
    assert run.messages == [1]
    names = [row["name"] for row in account.objects("customers")]
    assert sorted(names) == sorted(f"before {number}" for number in range(20))


def test_state_behind_a_stream_without_an_endpoint_is_not_echoed(run_target, server, singer):
    behind = [singer.record("customers", name="behind", notes="x" * 500) for _ in range(600)]
    messages = [
        singer.schema("customers"),
        singer.state(1),
        singer.schema("nowhere"),
        *behind,
        singer.state(2),
    ]
    run = run_target(server, messages)
    assert run.exit_code == 1
    assert run.messages == [1]
