"""A long input that comes again takes no more memory than a short one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from target_invoiced.ledger import Ledger
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.mapping.keys import digest

NOW_S = 2_000_000_000  # later than any clock shows
MAX_MB = 120
PEAK = r"""
import re, sys
from pathlib import Path
from target_invoiced.__main__ import main
code = main()
# Not ru_maxrss, which begins with the peak of the process that started this one.
peak_kb = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]
print(int(peak_kb) // 1024, file=sys.stderr)
sys.exit(code)
"""


def record(number: int) -> dict[str, object]:
    return {"customer": number % 997, "amount": number, "reference": f"no. {number} " + "x" * 200}


def send_unfinished(url: str, lines: Path, count: int) -> None:
    """Append records to the input, and journal them as an earlier run that sent them."""
    ledger = Ledger(url)
    (known,) = ledger.accounts.all()
    ledger.use(known.account)
    with lines.open("a") as file, ledger.transaction():
        for start in range(0, count, 500):
            records = [record(number) for number in range(start, start + 500)]
            entries = [
                Entry(
                    id=str(start + number),
                    pipeline="default",
                    stream="payments",
                    digest=digest(one, "payments"),
                    stage=Stage.SETTLED,
                    announced_at=NOW_S,
                    run="before",
                )
                for number, one in enumerate(records)
            ]
            ledger.journal.enter(entries)
            for one in records:
                message = {"type": "RECORD", "stream": "payments", "record": one}
                file.write(json.dumps(message) + "\n")
    ledger.close()


@pytest.mark.timeout(300)
def test_an_unfinished_input_of_many_records_is_replayed_in_little_memory(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Its 20,000 records were sent, and no STATE came; as many as in `REPLAYED`, if that is set."""
    count = int(os.environ.get("REPLAYED", "20000"))
    settings = {
        "api_key": "emulator-key",
        "base_url": "http://127.0.0.1:1",
        "ledger": f"sqlite:///{tmp_path}/ledger.db",
        "account": "acme",
    }
    config, lines = tmp_path / "config.json", tmp_path / "input"
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-c", PEAK, "--config", str(config), "--input", str(lines)]

    def run() -> str:
        done = subprocess.run(
            command, env=environment, capture_output=True, check=False, timeout=250
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stderr.decode()

    schema = {"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": []}
    lines.write_text(json.dumps(schema) + "\n")
    run()  # the account is known from here on
    send_unfinished(settings["ledger"], lines, count)
    log = run()
    assert f"{count} records without a key were recognised" in log
    assert int(log.splitlines()[-1]) < MAX_MB
