"""STATE is echoed after the writes that it covers."""

import json
import os
import select
import subprocess
import sys

from invoiced_emulator import Server


def test_states_are_echoed_value_for_value_in_order(run_target, server, singer):
    values = [{"bookmarks": {"ä": {"n": 0.1, "big": 2**53, "null": None}}}, {}, None, "s", [1, 2.5]]
    run = run_target(server, [singer.state(value) for value in values])
    assert run.exit_code == 0
    assert run.stdout.decode().splitlines() == [
        json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values
    ]


def test_a_state_is_echoed_when_what_was_before_it_is_settled_and_not_sooner(
    environment, config, account, singer, tmp_path
):
    """The input stays open until the STATE has come: nothing but the writes is waited for."""
    reader, writer = os.pipe()
    said_before_posts = []

    def look(_account, _number, _method, _path):
        said_before_posts.append(bool(select.select([reader], [], [], 0)[0]))

    with Server(account, before_request=look) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "target_invoiced", "--config", config(server)],
            stdin=subprocess.PIPE,
            stdout=writer,
            stderr=subprocess.DEVNULL,
            env=environment | {"TARGET_INVOICED_LEDGER": f"sqlite:///{tmp_path}/ledger.db"},
        )
        os.close(writer)
        with process, os.fdopen(reader, "rb") as stdout:
            assert process.stdin
            both = singer.stream("customers", {"name": "A"}, {"name": "B"})
            process.stdin.write(as_lines(*both, singer.state(1)))
            process.stdin.flush()
            assert stdout.readline() == b"1\n"
            process.stdin.write(as_lines(singer.record("customers", name="C"), singer.state(2)))
            process.stdin.close()
            assert stdout.read() == b"2\n"
    assert process.returncode == 0
    assert said_before_posts == [False, False, False]


def as_lines(*messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)
