"""The shape of the house, and what is written about it."""

import ast
import json
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.resources import ENDPOINTS, RESOURCES
from singer_command import shared_settings
from tap_invoiced.settings import setting_table
from target_invoiced.settings import TARGET_SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

# Who may import whom. The emulator stands alone, or it would share the mistakes of the others.
ARROWS = {
    "invoiced_api": set(),
    "schemas": set(),
    "singer_command": {"invoiced_api"},
    "tap_invoiced": {"invoiced_api", "invoiced_schemas", "singer_command"},
    "target_invoiced": {"invoiced_api", "invoiced_schemas", "singer_command"},
    "invoiced_emulator": set(),
}
OURS = ARROWS.keys() - {"schemas"} | {"invoiced_schemas"}
# What speaks Invoiced has never heard of Singer, and the emulator of none of it.
NO_SINGER = ("invoiced_api", "invoiced_emulator")


def imports(package: str) -> set[str]:
    """The top-level packages that the modules of a package import, wherever they do."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute here"
                found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("package", ARROWS)
def test_arrows_point_one_way(package: str) -> None:
    own_name = "invoiced_schemas" if package == "schemas" else package
    assert imports(package) & OURS <= ARROWS[package] | {own_name}


@pytest.mark.parametrize("package", NO_SINGER)
def test_what_speaks_invoiced_has_never_heard_of_singer(package: str) -> None:
    assert "singer" not in imports(package)


def test_the_arrows_cover_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(ARROWS)


def test_only_one_place_waits_and_only_one_speaks_http() -> None:
    def users_of(module: str) -> set[str]:
        return {
            path.name
            for package in ("invoiced_api", "singer_command", "tap_invoiced", "target_invoiced")
            for path in (ROOT / package).rglob("*.py")
            if re.search(rf"^\s*(import|from) {module}\b", path.read_text(), re.MULTILINE)
        }

    assert users_of("backoff") == {"retry.py"}
    assert users_of("requests") == {"client.py"}


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the README, without its head."""
    section = re.split(r"^#+ ", README.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def shown(default: Any) -> str:
    """A default as the README shows it; nothing for an empty one."""
    empty = default is None or default == {} or default == frozenset()
    return "" if empty else f"`{json.dumps(default)}`".replace('"', "")


def test_the_readme_names_every_setting_with_its_kind_and_default() -> None:
    documented = {
        cells[0].strip("`"): cells[1:3]
        for heading in ("Settings of both", "Settings of the tap", "Settings of the target")
        for cells in table_after(heading)
    }
    table = {setting.name: setting for setting in (*setting_table(), *TARGET_SETTINGS)}
    assert documented.keys() == table.keys()
    for name, (kind, default) in documented.items():
        secret = ", secret" if table[name].secret else ""
        assert kind == table[name].kind + secret, name
        assert default == shown(table[name].default), name


def test_the_readme_lists_every_stream() -> None:
    documented = [[cell.strip("`") for cell in cells[:3]] for cells in table_after("Streams")]
    assert documented == [
        [resource.name, resource.path, "✓" if resource.by_default else ""] for resource in RESOURCES
    ]


def test_the_readme_lists_every_endpoint() -> None:
    (sentence,) = re.findall(r"The endpoints are (.+?)\.\s", README, re.DOTALL)
    assert re.findall(r"`(\w+)`", sentence) == list(ENDPOINTS)


def test_the_sample_config_is_valid_for_both_commands() -> None:
    sample = json.loads((ROOT / "sample_config.json").read_text())
    for table in (setting_table(), TARGET_SETTINGS):
        assert sample.keys() <= {setting.name for setting in table} | shared_settings.TAP_SETTINGS


def test_a_file_may_serve_both_commands_without_a_warning() -> None:
    tap, target = ({one.name for one in table} for table in (setting_table(), TARGET_SETTINGS))
    assert (tap - target, target - tap) == (
        shared_settings.TAP_SETTINGS,
        shared_settings.TARGET_SETTINGS,
    )


def test_the_version_is_the_changelog_s() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    (setup_version,) = re.findall(r'version="(.+)"', (ROOT / "setup.py").read_text())
    assert newest.group(1) == setup_version


def test_every_schema_has_a_stream_and_every_stream_a_schema() -> None:
    schemas = {path.stem for path in (ROOT / "schemas").glob("*.json")}
    assert schemas == {resource.name for resource in RESOURCES}


def test_ci_runs_what_the_readme_names_and_nothing_else() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [step for step in steps if step.startswith("make ")] == ["make test", "make e2e"]
    named = set(re.findall(r"^\$ make (\w+)", README, re.MULTILINE))
    assert named == {"demo", "test", "soak", "bench", "e2e", "versions"}
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named <= set(rules)


def test_pyproject_holds_tools_only() -> None:
    assert "[project" not in (ROOT / "pyproject.toml").read_text()


@pytest.mark.timeout(300)
def test_the_installed_wheel_works_from_an_empty_directory(tmp_path: Path) -> None:
    """Built, installed with its dependencies, and run where nothing of the repository is near."""
    wheels, home = tmp_path / "wheels", tmp_path / "empty"
    home.mkdir()
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=200)
    (wheel,) = wheels.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    commands = tmp_path / "venv" / "bin"
    pip = [str(commands / "pip"), "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=200)

    def output(command: str) -> str:
        name, *arguments = shlex.split(command)
        done = subprocess.run(
            [str(commands / name), *arguments],
            cwd=home,
            capture_output=True,
            timeout=60,
            check=True,
        )
        return done.stdout.decode()

    assert output("tap-invoiced --discover") == (ROOT / "catalog.json").read_text()
    for name in ("tap-invoiced", "target-invoiced"):
        assert output(f"{name} --version").startswith(f"{name} 0.")
    assert "Invoiced" in output("invoiced-emulator --help")
