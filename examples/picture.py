"""The picture of a run that the README shows: the tap and the target at work on an emulator.

`make picture` writes it. The business is always the same; only seconds differ from run to run.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from invoiced_emulator import Server, seeded

COMMANDS = Path(sys.executable).parent
NOW = 1_772_366_400  # 2026-03-01T12:00:00Z, by the emulator's clock
KEY = "emulator-key"
# Wide enough for the table of the target.
WIDTH = 110
TIMEOUT_S = 60

READ = "tap-invoiced --config config.json > invoiced.singer"
WRITE = "target-invoiced --config config.json < changes.singer"
CHANGES = """
{"type": "SCHEMA", "stream": "customers", "schema": {"type": "object"}, "key_properties": ["id"]}
{"type": "SCHEMA", "stream": "invoices", "schema": {"type": "object"}, "key_properties": ["id"]}
{"type": "RECORD", "stream": "customers", "record": {"name": "Larkspur Bakery", "number": "L-1"}}
{"type": "RECORD", "stream": "customers", "record": {"name": "Vela Instruments", "number": "V-1"}}
{"type": "RECORD", "stream": "invoices", "record": {"customer": {"number": "L-1"}, "items": []}}
{"type": "STATE", "value": {"done": 1}}
""".lstrip()

# rich's own frame fetches its font from another host; this one takes what is there.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def printed(line: str, folder: Path) -> str:
    """What a command prints, on both ways, as on a terminal."""
    environment = {
        "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}",
        "LOGLEVEL": "WARNING",
        "TAP_INVOICED_START_DATE": "2020-01-01",
        "COLUMNS": str(WIDTH),
    }
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=True,
        text=True,
    )
    return done.stdout


def run() -> str:
    """Commands, each followed by what it prints."""
    moments = [NOW]
    account = seeded(customers=200, seed=1, now=lambda: moments[-1], api_key=KEY)
    moments.append(int(time.time()))  # else the tap warns of the server's clock
    with Server(account) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {"api_key": KEY, "base_url": server.url}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "changes.singer").write_text(CHANGES)
        return "\n".join(f"$ {line}\n{printed(line, folder)}" for line in (READ, WRITE))


def picture(text: str) -> str:
    screen = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    for line in text.rstrip().splitlines():
        style = "bold" if line.startswith("$ ") else None
        screen.print(line, style=style, markup=False, no_wrap=True)
    return screen.export_svg(
        title="singer-invoiced", theme=MONOKAI, code_format=FRAME, unique_id="run"
    )


def main() -> None:
    Path(sys.argv[1]).write_text(picture(run()), encoding="utf-8")


if __name__ == "__main__":
    main()
