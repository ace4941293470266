"""Writes the plugins' definitions anew: those for Meltano Hub, and the settings in meltano.yml.

`make definitions` runs this after a setting of the tap or the target was added or changed. Meltano
writes meltano.yml in a form of its own whenever it changes something in it; the settings are
written in that form here, so that nothing else changes then.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HUB = Path(__file__).parent
PROJECT = HUB.parents[1] / "meltano.yml"
COMMANDS = Path(sys.executable).parent
# Meltano's order of what it says of a setting.
KEYS = ("name", "kind", "value", "label", "description", "options", "sensitive")


def definition(plugin: str) -> str:
    command = (COMMANDS / plugin, "--about", "meltano")
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout.decode()


def in_project(setting: Mapping[str, Any]) -> dict[str, Any]:
    """A setting of the definition as Meltano keeps it: a password is a sensitive string."""
    kind = "string" if setting["kind"] == "password" else setting["kind"]
    given = {**setting, "kind": kind}
    assert given.keys() <= set(KEYS)
    return {key: given[key] for key in KEYS if key in given}


class Writer(yaml.SafeDumper):
    """Quotes a text that has an apostrophe with two of them, as Meltano's writer does."""

    def choose_scalar_style(self) -> Any:
        style = super().choose_scalar_style()
        return '"' if style == "'" and "'" in self.event.value else style


def settings_of(definition: str) -> str:
    """The list below `settings:`, as deep as meltano.yml has it."""
    settings = [in_project(one) for one in yaml.safe_load(definition)["settings"]]
    written = yaml.dump(settings, Dumper=Writer, width=sys.maxsize, sort_keys=False)
    return "".join(f"    {line}\n" for line in written.splitlines())


def with_settings(project: str, plugin: str, settings: str) -> str:
    """The project's file with these settings in place of the plugin's own."""
    head = rf"  - name: {plugin}\n(?:    .*\n)*?    settings:\n"
    old = r"(?:    -.*\n|     .*\n)*"
    changed, times = re.subn(f"({head}){old}", lambda found: found[1] + settings, project)
    assert times == 1, f"{PROJECT} has no settings of {plugin} to replace"
    return changed


def main() -> None:
    project = PROJECT.read_text()
    for plugin in ("tap-invoiced", "target-invoiced"):
        content = definition(plugin)
        (HUB / f"{plugin}.yml").write_text(content)
        project = with_settings(project, plugin, settings_of(content))
    PROJECT.write_text(project)


if __name__ == "__main__":
    main()
