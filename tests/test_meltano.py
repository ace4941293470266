"""The two plugin definitions for Meltano match the commands."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from invoiced_api.resources import RESOURCES
from invoiced_api.settings import Setting
from singer_command.meltano import CAPABILITIES
from tap_invoiced.cli import CAPABILITIES as TAP_CAPABILITIES
from tap_invoiced.settings import setting_table
from target_invoiced.settings import TARGET_SETTINGS

ROOT = Path(__file__).parents[1]
HUB = ROOT / "docs" / "hub"
PROJECT = yaml.safe_load((ROOT / "meltano.yml").read_text())
TABLES: dict[str, tuple[Setting, ...]] = {
    "tap-invoiced": setting_table(),
    "target-invoiced": TARGET_SETTINGS,
}
RENEW = "`make definitions` writes it anew"


def in_project(plugin: str) -> dict[str, Any]:
    kind = "extractors" if plugin.startswith("tap") else "loaders"
    (found,) = [one for one in PROJECT["plugins"][kind] if one["name"] == plugin]
    return dict(found)


def in_hub(plugin: str) -> dict[str, Any]:
    return dict(yaml.safe_load((HUB / f"{plugin}.yml").read_text()))


@pytest.mark.parametrize("plugin", TABLES)
def test_the_project_declares_every_setting_of_the_code(plugin: str) -> None:
    declared = {one["name"]: one for one in in_project(plugin)["settings"]}
    table = {one.name: one for one in TABLES[plugin]}
    assert list(declared) == list(table), RENEW
    for name, one in declared.items():
        assert one["description"] == table[name].help, RENEW
        assert one.get("sensitive", False) == table[name].secret
        default = one.get("value")
        if default is not None:  # passed to the plugin as if the user had said it
            assert table[name].parse(default) == table[name].default, RENEW


@pytest.mark.parametrize("plugin", TABLES)
def test_the_hub_s_definition_is_what_the_command_prints(plugin: str) -> None:
    module = plugin.replace("-", "_")
    printed = subprocess.run(
        [sys.executable, "-m", module, "--about", "meltano"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert (HUB / f"{plugin}.yml").read_text() == printed.stdout.decode(), RENEW
    for key in ("capabilities", "namespace", "executable"):
        assert in_project(plugin)[key] == in_hub(plugin)[key], RENEW


def test_the_definitions_are_written_as_they_stand() -> None:
    """`make definitions` changes nothing until a setting is."""
    script = runpy.run_path(str(HUB / "definitions.py"))
    project = (ROOT / "meltano.yml").read_text()
    for plugin in TABLES:
        settings = script["settings_of"]((HUB / f"{plugin}.yml").read_text())
        assert f"    settings:\n{settings}" in project, RENEW
        assert script["with_settings"](project, plugin, settings) == project
        assert script["with_settings"](project, plugin, "") != project


@pytest.mark.parametrize("plugin", TABLES)
def test_what_is_secret_is_a_password_to_the_hub(plugin: str) -> None:
    secret = {one.name for one in TABLES[plugin] if one.secret}
    settings = in_hub(plugin)["settings"]
    assert {one["name"] for one in settings if one["kind"] == "password"} == secret


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("api_key", "password"),
        ("sandbox", "boolean"),
        ("base_url", "string"),
        ("max_connections", "integer"),
        ("max_rejects", "integer"),
        ("request_timeout", "integer"),
        ("unknown_streams", "options"),
        ("streams", "object"),
        ("allow_card_like", "array"),
        ("rejects", "file"),
        ("start_date", "date_iso8601"),
    ],
)
def test_a_setting_s_kind_is_meltano_s(setting: str, kind: str) -> None:
    """Meltano gives the plugin a string wherever the kind does not say otherwise."""
    plugins = [in_hub(plugin)["settings"] for plugin in TABLES]
    assert {one["kind"] for settings in plugins for one in settings if one["name"] == setting} == {
        kind
    }


def test_the_tap_s_capabilities_are_all_known_to_meltano() -> None:
    assert set(in_hub("tap-invoiced")["capabilities"]) == set(TAP_CAPABILITIES)
    assert {"state", "structured-logging"} <= set(TAP_CAPABILITIES)


def test_the_streams_of_the_project_are_the_default_ones() -> None:
    selected = in_project("tap-invoiced")["select"]
    assert sorted(selected) == sorted(f"{one.name}.*" for one in RESOURCES if one.by_default)


def test_the_project_reads_everything_at_first() -> None:
    assert in_project("tap-invoiced")["config"] == {"start_date": "2010-01-01"}


def test_the_project_has_three_environments_a_job_and_a_schedule() -> None:
    assert PROJECT["default_environment"] == "dev"
    assert [one["name"] for one in PROJECT["environments"]] == ["dev", "sandbox", "prod"]
    (job,) = PROJECT["jobs"]
    (schedule,) = PROJECT["schedules"]
    assert schedule["job"] == job["name"]
    assert all(in_project(plugin)["pip_url"] == "-e ." for plugin in TABLES)
    keys = re.findall(r"'api_key': '(.+?)'", str(PROJECT["environments"]))
    assert set(keys) == {"emulator-key"}, "no key of a real account"


# What Meltano Hub demands of a definition, from schemas/plugin_definitions/ and schemas/common/ of
# github.com/meltano/hub; the capabilities are those of Meltano 4.4.1's own meltano.schema.json.
HUB_KEYS = set(
    "name namespace variant label description docs repo logo_url hidden python pip_url executable "
    "settings settings_group_validation commands capabilities maintenance_status quality "
    "domain_url keywords requires definition next_steps settings_preamble usage prereq "
    "supported_python_versions log_parser".split()
)
HUB_REQUIRED = {"name", "namespace", "variant", "quality"}
HUB_MAINTENANCE = {"active", "beta", "development", "inactive", "unknown"}
HUB_QUALITY = {"gold", "silver", "bronze", "unknown"}
HUB_SETTING_KEYS = set(
    "name aliases label value placeholder kind description tooltip documentation env "
    "value_processor value_post_processor oauth options docs hidden sensitive".split()
)
HUB_KINDS = set(
    "oauth hidden password date_iso8601 file email integer options object array boolean string "
    "decimal".split()
)
HUB_CAPABILITIES = {
    "tap-invoiced": "properties catalog discover state about test structured-logging".split(),
    "target-invoiced": "about soft-delete hard-delete structured-logging".split(),
}


@pytest.mark.parametrize("plugin", TABLES)
def test_the_definition_is_one_that_meltano_hub_takes(plugin: str) -> None:
    definition = in_hub(plugin)
    assert HUB_REQUIRED <= definition.keys() <= HUB_KEYS
    assert definition["maintenance_status"] in HUB_MAINTENANCE
    assert definition["quality"] in HUB_QUALITY
    assert definition["domain_url"].startswith("https://")
    assert set(definition["capabilities"]) <= set(HUB_CAPABILITIES[plugin])
    assert set(definition["capabilities"]) <= set(CAPABILITIES)
    assert all(re.fullmatch(r"3\.\d+", one) for one in definition["supported_python_versions"])
    names = {one["name"] for one in definition["settings"]}
    assert len(names) == len(definition["settings"])
    assert all(set(group) <= names for group in definition["settings_group_validation"])
    for one in definition["settings"]:
        assert {"name", "label", "kind", "description"} <= one.keys() <= HUB_SETTING_KEYS
        assert one["kind"] in HUB_KINDS
        assert all(option.keys() == {"label", "value"} for option in one.get("options", []))
        assert ("options" in one) == (one["kind"] == "options")
    texts = [value for value in definition.values() if isinstance(value, str)]
    assert all(text == text.strip() for text in texts)
