"""How a record gets from its line to STATE: each fact of it is computed once, in one place."""

import json
import subprocess
import sys
from itertools import groupby
from pathlib import Path

MARKER = "Zyxwvut"
# A stay is a row of calls within one module; a return is a stay in a module that was left before.
MAX_RETURNS = 23


def returns(calls):
    stays = [module for module, _ in groupby(calls, key=lambda call: call.partition("\t")[0])]
    return len(stays) - len(set(stays))


def test_a_record_seldom_returns_to_a_module(config, server, singer, environment):
    messages = [
        *singer.stream("clients", {"id": 7, "name": MARKER}),
        singer.state(1),
    ]
    settings = {"ids": "external", "streams": {"clients": {"endpoint": "customers"}}}
    script = Path(__file__).with_name("record_calls.py")
    done = subprocess.run(
        [sys.executable, str(script), MARKER, "--config", str(config(server, **settings))],
        input=b"".join(json.dumps(one).encode() + b"\n" for one in messages),
        capture_output=True,
        env=environment,
        check=True,
        timeout=60,
    )
    calls = [line for line in done.stderr.decode().splitlines() if "\t" in line]
    assert done.stdout == b"1\n"
    assert calls[-1].startswith("target_invoiced/"), "the record was not seen"
    assert returns(calls) <= MAX_RETURNS, "\n".join(calls)
