"""The command line, and the files that it names."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Server

COMMANDS = {"tap-invoiced": "tap_invoiced", "target-invoiced": "target_invoiced"}


def printed_completion(command: str, shell: str) -> str:
    asked = [sys.executable, "-m", COMMANDS[command], "--print-completion", shell]
    return subprocess.run(asked, capture_output=True, check=True, timeout=30).stdout.decode()


@pytest.mark.parametrize(
    ("command", "typed", "offered"),
    [
        ("tap-invoiced", ["--st"], ["--state"]),
        ("tap-invoiced", ["--cat"], ["--catalog"]),
        ("tap-invoiced", ["--about", ""], ["json", "markdown", "meltano"]),
        ("tap-invoiced", ["--config", "my-co"], ["my-config.json"]),
        ("target-invoiced", ["--inp"], ["--input"]),
        ("target-invoiced", ["--print-completion", "z"], ["zsh"]),
    ],
    ids=["option", "other-option", "choices", "file", "option-of-the-target", "shell"],
)
def test_bash_completes_what_is_typed(
    command: str, typed: list[str], offered: list[str], tmp_path: Path
) -> None:
    (tmp_path / "completion").write_text(printed_completion(command, "bash"))
    (tmp_path / "my-config.json").touch()
    words = " ".join(f"'{word}'" for word in (command, *typed))
    script = f"""
        source ./completion
        COMP_WORDS=({words}) COMP_CWORD={len(typed)}
        $(complete -p {command} | grep -o '_shtab_[a-z_]*')
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, check=True, timeout=30
    )
    assert done.stdout.decode().split() == offered, done.stderr.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_zsh_gets_every_option(command: str) -> None:
    script = printed_completion(command, "zsh")
    assert script.startswith(f"#compdef {command}\n")
    asked = [sys.executable, "-m", COMMANDS[command], "--help"]
    shown = subprocess.run(asked, capture_output=True, check=True, timeout=30).stdout.decode()
    options = {word.strip(",[]") for word in shown.split() if word.startswith(("--", "[--"))}
    assert options >= {"--config", "--print-completion"}
    assert all(option in script for option in options)
    if zsh := shutil.which("zsh"):
        subprocess.run([zsh, "-n"], input=script.encode(), check=True, timeout=30)


def test_a_later_config_wins_key_by_key(
    business_server: Server, run_tap: Callable[..., Any], tmp_path: Path
) -> None:
    """As when one file holds the shared settings and another the secret."""
    later, last = tmp_path / "later.json", tmp_path / "last.json"
    later.write_text(json.dumps({"api_key": "emulator-key", "page_size": 0}))
    last.write_text(json.dumps({"page_size": 50}))
    more = ("--config", str(later), "-c", str(last))
    run = run_tap(business_server, *more, api_key="not-this-one")
    assert run.exit_code == 0, run.stderr
    assert run.ids("customers")


@pytest.mark.parametrize(
    ("command", "setting", "value", "said"),
    [
        ("tap", "page_size", 0, "setting `page_size` in {file} must be 1 to 100, not 0."),
        ("target", "streams", {"a": 1}, "setting `streams` in {file}: `a` must be an object"),
        ("target", "response_webhook", "https://x.example", "in {file} needs `responses`"),
    ],
    ids=["value", "stream", "pair"],
)
def test_an_error_names_the_file_of_a_setting_where_there_are_two(
    request: pytest.FixtureRequest,
    server: Server,
    tmp_path: Path,
    command: str,
    setting: str,
    value: Any,
    said: str,
) -> None:
    later = tmp_path / "later.json"
    later.write_text(json.dumps({setting: value, "sanbox": True}))
    messages = [[]] if command == "target" else []
    run = request.getfixturevalue(f"run_{command}")(server, *messages, "--config", str(later))
    assert run.exit_code == 1
    assert said.format(file=later) in run.complaint
    assert f"ignoring unknown setting `sanbox` in {later}. Did you mean `sandbox`?" in run.stderr


def test_a_single_config_is_not_named_with_its_settings(
    server: Server, run_tap: Callable[..., Any]
) -> None:
    assert run_tap(server, page_size=0).complaint.startswith("setting `page_size` must be")


@pytest.mark.parametrize(("command", "prefix"), [("tap", "TAP"), ("target", "TARGET")])
def test_a_misspelt_variable_is_one_warning(
    request: pytest.FixtureRequest, server: Server, command: str, prefix: str
) -> None:
    messages = [[]] if command == "target" else []
    run = request.getfixturevalue(f"run_{command}")(
        server, *messages, env={f"{prefix}_INVOICED_MAX_CONECTIONS": "1"}
    )
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count(f"Did you mean {prefix}_INVOICED_MAX_CONNECTIONS?") == 1


def test_each_config_must_be_one(server: Server, run_tap: Callable[..., Any]) -> None:
    run = run_tap(server, "--config", "no-such-file.json")
    assert run.exit_code == 1
    assert run.complaint.startswith("config no-such-file.json cannot be read: ")


def test_no_env_file_is_read(
    server: Server, run_tap: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that happens to be in the folder must not choose the account that is written to."""
    (tmp_path / ".env").write_text("TAP_INVOICED_API_KEY=emulator-key\n")
    monkeypatch.chdir(tmp_path)
    run = run_tap(server, api_key=None)
    assert run.exit_code == 1
    assert "`api_key` is missing" in run.complaint
