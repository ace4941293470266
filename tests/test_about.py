"""`--about` shows programs and people the same facts."""

import json
import subprocess
import sys

import pytest


def about(module: str, *form: str) -> str:
    command = [sys.executable, "-m", module, "--about", *form]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout.decode()


@pytest.mark.parametrize("module", ["tap_invoiced", "target_invoiced"])
def test_about_names_settings_secrets_and_resources_in_both_forms(module: str) -> None:
    facts = json.loads(about(module))
    settings = {setting["name"]: setting for setting in facts["settings"]}
    assert settings["api_key"]["secret"] and not settings["sandbox"]["secret"]
    assert settings["max_connections"]["default"] == 16
    assert "invoices" in facts["resources"]
    markdown = about(module, "markdown")
    assert markdown.startswith(f"# {facts['name']} {facts['version']}\n")
    for name in settings:
        assert f"| `{name}` |" in markdown
