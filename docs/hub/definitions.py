"""Writes the plugins' definitions anew: those for Meltano Hub, and the settings in meltano.yml.

`make definitions` runs this after a setting of the tap or the target was added or changed.
"""

import re
import subprocess
import sys
from pathlib import Path

HUB = Path(__file__).parent
PROJECT = HUB.parents[1] / "meltano.yml"
COMMANDS = Path(sys.executable).parent


def definition(plugin: str) -> str:
    command = (COMMANDS / plugin, "--about", "meltano")
    return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout.decode()


def settings_of(definition: str) -> str:
    """The list below `settings:`, as deep as meltano.yml has it."""
    lines = definition.split("\nsettings:\n")[1].splitlines()
    return "".join(f"    {line}\n" for line in lines)


def with_settings(project: str, plugin: str, settings: str) -> str:
    """The project's file with these settings in place of the plugin's own, up to `# end`."""
    head = rf"(  - name: {plugin}\n(?:    .*\n)*?    settings:.*\n)"
    changed, times = re.subn(
        rf"{head}(?:    .*\n)*?(    # end)", lambda found: found[1] + settings + found[2], project
    )
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
