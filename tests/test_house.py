"""The shape of the house, and what is written about it."""

import ast
import json
import re
import shlex
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from invoiced_api.resources import RESOURCES
from singer_command import shared_settings
from tap_invoiced.settings import setting_table
from target_invoiced.settings import TARGET_SETTINGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

# Who may import whom. The emulator stands alone, or it would share the mistakes of the others.
ALLOWED_IMPORTS = {
    "invoiced_api": set(),
    "schemas": set(),
    "singer_command": {"invoiced_api"},
    "tap_invoiced": {"invoiced_api", "invoiced_schemas", "singer_command"},
    "target_invoiced": {"invoiced_api", "invoiced_schemas", "singer_command"},
    "singer_invoiced": {"invoiced_api", "singer_command"},
    "invoiced_emulator": set(),
}
OURS = ALLOWED_IMPORTS.keys() - {"schemas"} | {"invoiced_schemas"}
# Within the target, each package imports only packages that stand below it.
TARGET_IMPORTS = {
    "exceptions": set(),
    "exact_json": set(),
    "stream_settings": {"exceptions"},
    "settings": {"stream_settings"},
    "singer": {"exact_json"},
    "events": set(),
    "mapping": {"settings", "stream_settings", "exact_json", "exceptions"},
    "ledger": {"mapping", "exact_json"},
    "records": {
        "exact_json",
        "ledger",
        "mapping",
        "singer",
        "settings",
        "stream_settings",
        "exceptions",
    },
    "results": {"exact_json", "records", "ledger", "mapping", "singer", "exceptions"},
    "scheduling": {
        "exact_json",
        "results",
        "records",
        "ledger",
        "mapping",
        "singer",
        "settings",
        "stream_settings",
        "exceptions",
    },
    "delivery": {
        *("ledger", "mapping", "events", "settings", "stream_settings", "exact_json"),
        "exceptions",
    },
    "message_handler": {"scheduling", "records", "singer"},
    "shutdown": {"delivery", "scheduling"},
    "run": {
        *("message_handler", "shutdown", "scheduling", "results", "records", "delivery"),
        *("mapping", "singer", "settings", "stream_settings", "events", "exact_json"),
    },
    "cli": {
        "run",
        "results",
        "records",
        "delivery",
        "ledger",
        "settings",
        "stream_settings",
        "events",
        "",
    },
    "__main__": {"cli", ""},
    "": set(),
}
# Layers of the other packages: a part imports only parts of the layers above it in this list.
LAYERS = {
    "invoiced_api": (
        "bodies deadline exact_json concurrency exceptions redact timestamps version",
        "definitions retry settings write_bodies",
        "connection request resources",
        "calls network_failures",
        "transport",
        "response",
        "client",
        "access reading",
    ),
    "invoiced_emulator": (
        "exceptions money resources",
        "pricing",
        "store",
        "rules",
        "http seed",
        "__main__",
    ),
    "singer_command": (
        "arguments database exceptions files logs meltano memory shared_settings",
        "about signals states text_tables",
        "stdout",
        "exit_codes",
    ),
    "singer_invoiced": ("state_saver", "cli", "__main__"),
    "tap_invoiced": (
        "bookmarks columns date_times event_store exceptions messages progress settings",
        "bad_values stream_failures conversion discovery state_file",
        "conversion_loops row_identity selection transform verification",
        "deletions fast_decode",
        "changed_parents event_changes records",
        "children",
        "sync",
        "cli",
        "__main__",
    ),
}
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


@pytest.mark.parametrize("package", ALLOWED_IMPORTS)
def test_arrows_point_one_way(package: str) -> None:
    own_name = "invoiced_schemas" if package == "schemas" else package
    assert imports(package) & OURS <= ALLOWED_IMPORTS[package] | {own_name}


def part_of(path: Path, package: str) -> str:
    """The sub-package or module of a package that a file belongs to; "" for its `__init__`."""
    place = path.relative_to(ROOT / package).with_suffix("").parts[0]
    return "" if place == "__init__" else place


def arrows_within(package: str) -> dict[str, set[str]]:
    """What each part of a package imports of the others."""
    arrows: dict[str, set[str]] = {}
    paths = list((ROOT / package).rglob("*.py"))
    parts = {part_of(path, package) for path in paths}
    for path in paths:
        part = part_of(path, package)
        found = arrows.setdefault(part, set())
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.split(".")[0] == package:
                # `from target_invoiced import exact_json` names a module, other names are its own.
                own = {one.name if one.name in parts else "" for one in node.names}
                found |= set(module.split(".")[1:2]) or own
        found -= {part}
    return arrows


@pytest.mark.parametrize("part", TARGET_IMPORTS)
def test_arrows_within_the_target_point_one_way(part: str) -> None:
    assert arrows_within("target_invoiced")[part] <= TARGET_IMPORTS[part]


def test_the_arrows_within_the_target_have_no_circle() -> None:
    placed: set[str] = set()
    while left := TARGET_IMPORTS.keys() - placed:
        free = {part for part in left if TARGET_IMPORTS[part] <= placed}
        assert free, f"a circle among {sorted(left)}"
        placed |= free


def test_the_arrows_within_the_target_cover_every_part() -> None:
    assert arrows_within("target_invoiced").keys() == TARGET_IMPORTS.keys()


@pytest.mark.parametrize("package", LAYERS)
def test_a_part_imports_only_from_the_layers_before_its_own(package: str) -> None:
    arrows = arrows_within(package)
    below = {""} if package in ("tap_invoiced", "singer_invoiced") else set[str]()
    for layer in LAYERS[package]:
        for part in layer.split():
            assert arrows.pop(part) <= below, f"imports of {package}.{part}"
        below |= set(layer.split())
    assert arrows.keys() == {""}, f"add them to LAYERS: {sorted(arrows)}"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("package", ALLOWED_IMPORTS)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    """Wherever in a module the import stands, and whatever it is for."""
    modules = {module_name(path): path for path in (ROOT / package).rglob("*.py")}
    arrows: dict[str, set[str]] = {}
    for name, path in modules.items():
        arrows[name] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in modules:
                inner = {f"{node.module}.{one.name}" for one in node.names}
                arrows[name] |= (inner & modules.keys()) or {node.module}
    while arrows:
        free = {name for name in arrows if not arrows[name] & arrows.keys()}
        assert free, f"a circle among {sorted(arrows)}"
        arrows = {name: arrows[name] for name in arrows.keys() - free}


@pytest.mark.parametrize("package", sorted(ALLOWED_IMPORTS.keys() - {"schemas"}))
def test_packages_are_neither_deep_nor_tiny(package: str) -> None:
    folders = [path.parent for path in (ROOT / package).rglob("__init__.py")]
    for folder in folders:
        assert len(folder.relative_to(ROOT).parts) <= 2, folder
        assert len(list(folder.glob("*.py"))) > 3, f"{folder}: fewer than three modules"


@pytest.mark.parametrize("folder", [*ALLOWED_IMPORTS, "tests", "benchmarks", "examples"])
def test_files_and_functions_stay_small(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        source = path.read_text()
        assert source.count("\n") <= 400, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert (node.end_lineno or 0) - node.lineno < 45, f"{path}: {node.name}"


def test_classes_of_the_target_stay_small() -> None:
    """A class of more than 12 fields or 15 methods states the reason at its top."""
    for path in (ROOT / "target_invoiced").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
                methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
                own = [one for one in methods if not one.name.startswith("__")]
                reason = "More than 1" in (ast.get_docstring(node) or "")
                assert reason or (len(fields) <= 12 and len(own) <= 15), f"{path}: {node.name}"


@pytest.mark.parametrize("package", NO_SINGER)
def test_what_speaks_invoiced_has_never_heard_of_singer(package: str) -> None:
    assert "singer" not in imports(package)


def test_the_arrows_cover_every_package() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(ALLOWED_IMPORTS)


def test_only_one_place_waits_and_only_one_speaks_http() -> None:
    def users_of(module: str) -> set[str]:
        return {
            path.name
            for package in ("invoiced_api", "singer_command", "tap_invoiced", "target_invoiced")
            for path in (ROOT / package).rglob("*.py")
            if re.search(rf"^\s*(import|from) {module}\b", path.read_text(), re.MULTILINE)
        }

    assert users_of("backoff") == {"retry.py"}
    assert users_of("requests") == {"transport.py"}


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
    releases = re.findall(
        r"^## \[(\S+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    (setup_version,) = re.findall(r'version="(.+)"', (ROOT / "setup.py").read_text())
    assert releases[0] == setup_version


def test_every_schema_has_a_stream_and_every_stream_a_schema() -> None:
    schemas = {path.stem for path in (ROOT / "schemas").glob("*.json")}
    assert schemas == {resource.name for resource in RESOURCES}


def test_ci_runs_what_contributing_names_and_nothing_else() -> None:
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [step for step in steps if step.startswith("make ")] == ["make test", "make e2e"]
    rules = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^\$ make (\w+)", README, re.MULTILINE)) == {"demo", "test"}
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`make ([\w-]+)", contributing))
    assert {"check", "test", "e2e", "soak", "bench", "versions", "docs"} <= named <= rules


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.split()) <= 700


def test_the_readme_names_every_command() -> None:
    commands = re.findall(r'"([\w-]+)=\w+\.__main__:main"', (ROOT / "setup.py").read_text())
    assert commands and re.findall(r"^\| `([\w-]+)` \| \w+s[ ,]", README, re.MULTILINE) == commands


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
    typed = {path.parent.name for path in (tmp_path / "venv").rglob("py.typed")}
    assert typed >= OURS
    for package in ("httptools", "sortedcontainers", "starlette", "uvicorn", "uvloop"):
        assert not list((tmp_path / "venv" / "lib").glob(f"*/site-packages/{package}")), package
    refused = subprocess.run(
        [str(commands / "invoiced-emulator")], capture_output=True, timeout=60, check=False
    )
    assert refused.returncode == 1
    (line,) = refused.stderr.decode().splitlines()
    assert line.endswith("pip install 'singer-invoiced[emulator]'")
