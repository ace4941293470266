"""`tap-invoiced | target-invoiced` makes a copy of an account, as docs/copying.md promises."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoiced_emulator import Account

PAGE = Path(__file__).parents[2] / "docs" / "copying.md"
ENDED = {"canceled", "finished"}


def keys_of_what_is_copied(account: Account, original: Any) -> set[tuple[str, str]]:
    """All but the subscriptions and tasks that have ended: in the copy they would be live."""
    subscriptions, tasks = account.objects("subscriptions"), account.objects("tasks")
    ended = {("subscriptions", str(row["id"])) for row in subscriptions if row["status"] in ENDED}
    complete = {("tasks", str(row["id"])) for row in tasks if row["complete"]}
    assert ended and complete
    return {*original} - ended - complete


def test_each_object_is_copied_once_and_equal_but_for_what_the_page_lists(
    company: Account, copying: Callable[..., Any], documented: Any
) -> None:
    copy = copying(company)
    ended = copy.pipe.run()
    assert (ended.tap, ended.target) == (0, 0), ended.log
    assert copy.copied.keys() == keys_of_what_is_copied(company, copy.original)
    assert copy.undocumented == []
    met = {(stream, path) for (stream, _), path in copy.differences}
    listed = {(stream, path) for stream, paths in documented.items() for path in paths}
    assert {one for one in listed if one[0] != "every stream"} - met == set(), "it never differs"


def test_a_second_run_sends_no_write_even_if_the_state_was_lost(
    shop: Account, copying: Callable[..., Any]
) -> None:
    copy = copying(shop)
    assert copy.pipe.run().target == 0
    first, writes = copy.pipe.state, copy.writes
    for state in (first, None):
        copy.pipe.state = state
        assert copy.pipe.run().target == 0
        assert copy.writes == writes > 200
        assert copy.pipe.state["bookmarks"] == first["bookmarks"]


def test_a_change_in_the_source_updates_the_one_copied_object(
    shop: Account, copying: Callable[..., Any], clock: Any
) -> None:
    copy = copying(shop)
    assert copy.pipe.run().target == 0
    writes, customer = copy.writes, shop.objects("customers")[2]["id"]
    clock.seconds += 3_600
    shop.edit("customers", customer, payment_terms="NET 45")
    assert copy.pipe.run().target == 0
    assert copy.writes == writes + 1
    assert copy.copied["customers", str(customer)]["payment_terms"] == "NET 45"


def test_the_commands_of_the_page_make_and_continue_the_copy(
    shop: Account, copying: Callable[..., Any], environment: dict[str, str], tmp_path: Path
) -> None:
    copy = copying(shop)
    home, desk = copy.pipe.folder, tmp_path / "desk"
    desk.mkdir()
    (desk / "from.json").write_text((home / "tap.json").read_text())
    (desk / "to.json").write_text((home / "target.json").read_text())
    select, run = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    for block in (select, run, run):
        bash = ["bash", "-e", "-c", block]
        subprocess.run(bash, cwd=desk, env=environment | {"PATH": path}, timeout=60, check=True)
    assert copy.copied.keys() == keys_of_what_is_copied(shop, copy.original)
    assert "invoices" in json.loads((desk / "state.json").read_text())["bookmarks"]


def test_a_copy_of_a_copy_has_the_same_balances_too(
    shop: Account, copying: Callable[..., Any]
) -> None:
    """The first copy has no money but payments, as accounts have that record payments."""
    first = copying(shop, folder="first")
    assert first.pipe.run().target == 0
    second = copying(first.copy.account, folder="second")
    assert second.pipe.run().target == 0
    assert second.copied == second.original
    of_payments = [len(one.account.objects("transactions")) for one in (first.copy, second.copy)]
    assert of_payments[0] == of_payments[1] > 0


def test_the_page_lists_exactly_what_differs(documented: Any) -> None:
    rows = re.findall(r"^\| (`\w+`|every stream) \| (.+?) \| .+ \|$", PAGE.read_text(), re.M)
    listed: dict[str, list[str]] = {}
    for stream, attributes in rows:
        listed.setdefault(stream.strip("`"), []).extend(re.findall(r"`(.+?)`", attributes))
    assert {stream: sorted(names) for stream, names in listed.items()} == {
        stream: sorted(names) for stream, names in documented.items()
    }


def test_the_page_selects_the_streams_that_are_copied(copied_streams: list[str]) -> None:
    (block,) = re.findall(r"^STREAMS='(.+?)'$", PAGE.read_text(), re.M)
    assert block.split() == copied_streams
