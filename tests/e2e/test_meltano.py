"""meltano.yml against an emulator: install, discover, select, run."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from invoiced_emulator import Account

ROOT = Path(__file__).parents[2]
STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.stem: [json.loads(line) for line in path.read_text().splitlines()]
        for path in folder.glob("*.jsonl")
    }


def test_the_project_is_valid_for_meltano_s_own_schema(
    project: Any, tools: Callable[[str, str], Path]
) -> None:
    environment = tools("meltano", "meltano").parents[1]
    (path,) = environment.glob("lib/python3*/site-packages/meltano/schemas/meltano.schema.json")
    schema = json.loads(path.read_text())
    content = yaml.safe_load((ROOT / "meltano.yml").read_text())
    jsonschema_rs.Draft7Validator(schema).validate(content)


def test_the_hub_s_definitions_can_be_added_to_another_project(
    project: Any, tmp_path: Path
) -> None:
    other = replace(project, home=tmp_path)
    other("init", "other")
    other = replace(project, home=tmp_path / "other")
    for kind, plugin in (("extractor", "tap-invoiced"), ("loader", "target-invoiced")):
        definition = str(ROOT / "docs" / "hub" / f"{plugin}.yml")
        shown = other(
            "add", "--plugin-type", kind, "--no-install", plugin, "--from-ref", definition
        )
        assert f"Added {kind} '{plugin}'" in shown
    other("config", "set", "tap-invoiced", "api_key", "sk-e2e-secret")
    shown = other("config", "list", "tap-invoiced")
    assert "api_key" in shown
    assert "sk-e2e-secret" not in shown, "declared as sensitive"


def test_the_page_s_lines_add_the_tap_to_another_project(
    project: Any, tools: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """With the clone in place of its example."""
    page = (ROOT / "docs" / "operating.md").read_text()
    (block,) = re.findall(r"^```console\n(\$ meltano add .*?)^```$", page, re.S | re.M)
    lines = block.replace("/srv/singer-invoiced", str(project.home)).splitlines()
    replace(project, home=tmp_path)("init", "other")
    commands = tools("meltano", "meltano").parent
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line.removeprefix("$ ")],
            cwd=tmp_path / "other",
            env={**project.environment, "PATH": f"{commands}:{project.environment['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout.decode()}"
    content = yaml.safe_load((tmp_path / "other" / "meltano.yml").read_text())
    (plugin,) = content["plugins"]["extractors"]
    assert plugin["pip_url"] == str(project.home)
    assert plugin["select"] == ["invoices.*"]
    assert list(tmp_path.glob("other/.meltano/extractors/tap-invoiced/venv/bin/tap-invoiced"))


def test_meltano_changes_only_the_requested_setting_in_its_file(
    project: Any, tmp_path: Path
) -> None:
    """It writes the whole file anew, in its own form: the one that the file has."""
    file = tmp_path / "meltano.yml"
    before = (ROOT / file.name).read_text()
    file.write_text(before)
    clone = replace(project, home=tmp_path)
    for _ in range(2):  # it looks for a project_id from its second command on
        clone("config", "print", "tap-invoiced")
    assert file.read_text() == before
    clone("config", "set", "tap-invoiced", "start_date", "2021-01-01")
    assert file.read_text() == before.replace("2010-01-01", "2021-01-01")


def test_the_settings_arrive(meltano: Any) -> None:
    shown = meltano("--environment=dev", "config", "print", "tap-invoiced", "--format=json")
    settings = json.loads(shown[shown.index("{") :])
    assert settings["base_url"].startswith("http://127.0.0.1:")
    assert settings["max_connections"] == 16
    assert settings["start_date"] == "2020-01-01"


def test_the_tap_passes_meltano_s_test(meltano: Any) -> None:
    shown = meltano("--environment=dev", "config", "test", "tap-invoiced")
    assert "Plugin configuration is valid" in shown


def test_a_wrong_key_does_not_pass_and_meltano_says_why(meltano: Any) -> None:
    asked = ("--environment=dev", "config", "test", "tap-invoiced")
    shown = meltano(*asked, fails=True, TAP_INVOICED_API_KEY="wrong-key-123")
    assert "Plugin configuration is invalid" in shown
    assert "Check `api_key`" in shown
    assert "wrong-key-123" not in shown


def test_the_target_passes_meltano_s_test(meltano: Any, business: Account) -> None:
    """Meltano 4.4.1 fails over a loader that has ended already, after it reported the result."""
    before = len(business.events())
    with meltano.start("--environment=dev", "config", "test", "target-invoiced") as process:
        shown, _ = process.communicate(timeout=60)
    assert "Test data was written to your target system" in shown, shown
    assert process.returncode == 0 or "ProcessLookupError" in shown
    assert len(business.events()) == before, "nothing is written into an account"


def test_what_is_selected_arrives_and_then_what_was_edited(
    meltano: Any, business: Account, clock: Any, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    meltano("select", "--exclude", "tap-invoiced", "customers", "notes")
    meltano("select", "--exclude", "tap-invoiced", "estimates", "*")
    run = ("run", "--state-id-suffix=selected", "tap-invoiced", "target-jsonl")
    meltano(*run, TARGET_JSONL_DESTINATION_PATH=str(first))
    arrived = rows_of(first)
    assert set(arrived) == set(STREAMS) - {"estimates"}
    for stream, rows in arrived.items():
        assert sorted(row["id"] for row in rows) == [row["id"] for row in business.objects(stream)]
    assert all("notes" not in row and "name" in row for row in arrived["customers"])

    clock.seconds += 3_600
    customer, invoice = arrived["customers"][0]["id"], arrived["invoices"][5]["id"]
    business.edit("customers", customer, name="Larkspur Bakery")
    business.edit("invoices", invoice, purchase_order="PO-7")
    meltano(*run, TARGET_JSONL_DESTINATION_PATH=str(second))
    changed = rows_of(second)
    assert [(row["id"], row["name"]) for row in changed["customers"]] == [
        (customer, "Larkspur Bakery")
    ]
    assert [(row["id"], row["purchase_order"]) for row in changed["invoices"]] == [
        (invoice, "PO-7")
    ]
    assert set(changed) == {"customers", "invoices"}


def test_the_job_of_the_project_runs_and_its_log_has_levels(meltano: Any, tmp_path: Path) -> None:
    """With `structured-logging` Meltano shows our own levels: a warning is not an [info  ]."""
    shown = meltano(
        "--log-format=json",
        "run",
        "--state-id-suffix=job",
        "invoiced-to-jsonl",
        TARGET_JSONL_DESTINATION_PATH=str(tmp_path),
        TAP_INVOICED_USER_AGENT="e2e",
    )
    lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    ours = [line for line in lines if "tap-invoiced" in json.dumps(line)]
    assert any("METRIC" in line.get("event", "") for line in ours)
    assert not any('{"level"' in line.get("event", "") for line in ours), "parsed, not quoted"


def test_records_of_a_csv_tap_become_customers(
    meltano: Any, business: Account, tmp_path: Path
) -> None:
    """Rows are known by their place in the file; a number that is taken is that customer's."""
    known = business.objects("customers")[0]
    (tmp_path / "customers.csv").write_text(
        f"id,name,number,payment_terms\n{known['id']},{known['name']},{known['number']},NET 60\n"
    )
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "customers.csv").write_text(
        "name,number,payment_terms\nLarkspur Bakery,CSV-1,NET 30\n"
        'Ostrander & Daughters,CSV-2,"NET 30"\n'
    )
    for folder in (tmp_path, tmp_path / "new"):
        meltano(
            "run",
            f"--state-id-suffix={folder.name}",
            "tap-csv-folder",
            "target-invoiced",
            TAP_CSV_FOLDER_PATH=str(folder),
            TAP_CSV_FOLDER_READ_MODE="one_stream_per_file",
            TARGET_INVOICED_IDS="external",
        )
    assert business.get("customers", known["id"])["payment_terms"] == "NET 60"
    created = [row for row in business.objects("customers") if row["number"].startswith("CSV-")]
    assert sorted(row["name"] for row in created) == ["Larkspur Bakery", "Ostrander & Daughters"]
