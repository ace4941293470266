"""The pages of docs/: commands run, tables are the code's, links lead somewhere."""

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

from invoiced_api.calls import CALLS
from invoiced_emulator import Account, Server, seeded
from invoiced_emulator.http.faults import KINDS, Faults

ROOT = Path(__file__).parents[1]
API_KEY = "emulator-key"
# Where the pages have the emulator.
EXAMPLE = "http://127.0.0.1:8680"
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
COMMANDS = Path(sys.executable).parent

# A block of commands, and the comment above it that says why it is not run.
BLOCK = re.compile(
    r"(<!-- not run: (?P<why>.+?) -->\n)?^```(bash|console)\n(?P<text>.*?)^```$", re.S | re.M
)
SVG = "{http://www.w3.org/2000/svg}"
# Attributes of HTML that make a browser fetch what they name.
FETCHED = {"src", "srcset", "data", "poster"}


def blocks(page: Path) -> list[str]:
    """The commands of a page that can be run here, one block after the other."""
    found = BLOCK.finditer(page.read_text())
    return [one["text"] for one in found if not one["why"]]


@pytest.fixture
def shop(clock: Any) -> Account:
    """A small account: every page is read and copied in seconds."""
    return seeded(customers=4, seed=7, now=clock, api_key=API_KEY)


@pytest.fixture
def shop_server(shop: Account) -> Iterator[Server]:
    with Server(shop) as running:
        yield running


@pytest.fixture
def workspace(
    tmp_path: Path, shop_server: Server, server: Server, environment: dict[str, str]
) -> tuple[Path, dict[str, str]]:
    """A folder with the configs that the pages speak of, and the commands on the PATH."""
    own = {"api_key": API_KEY, "base_url": shop_server.url}
    copy = {"api_key": API_KEY, "base_url": server.url, "ids": "external"}
    copy |= {"ledger": "sqlite:///copy.db", "rejects": "rejects.singer", "max_rejects": -1}
    source = {**own, "start_date": "2020-01-01"}
    for name, content in (("config", own), ("from", source), ("to", copy)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    path = os.pathsep.join(map(str, (COMMANDS, ROOT / "examples", environment["PATH"])))
    return tmp_path, environment | {"PATH": path}


@pytest.fixture
def typed(workspace: tuple[Path, dict[str, str]], shop_server: Server) -> Callable[[str], None]:
    """Runs a block of commands in a shell."""
    folder, environment = workspace

    def run(block: str) -> None:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", block.replace(EXAMPLE, shop_server.url)],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"

    return run


def customer_and_invoice(account: Account, **known: str) -> tuple[Any, Any]:
    """The one customer of which this is known, and its one invoice."""
    ((name, value),) = known.items()
    (customer,) = [row for row in account.objects("customers") if row[name] == value]
    (invoice,) = [row for row in account.objects("invoices") if row["customer"] == customer["id"]]
    return customer, invoice


def ignored(name: str) -> bool:
    """Whether .gitignore names a file or folder at the root, or what is of its kind."""
    patterns = (ROOT / ".gitignore").read_text().split("\n")
    return any(fnmatch(f"/{name}", pattern.rstrip("/")) for pattern in patterns)


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.stem) for page in PAGES if blocks(page)]
)
def test_every_command_of_a_page_runs(
    page: Path, workspace: tuple[Path, dict[str, str]], shop: Account, typed: Callable[[str], None]
) -> None:
    """What a page sends more than once is there once; git does not see what it leaves behind."""
    for block in blocks(page):
        typed(block)
    for number in set(re.findall(r'"name": "[^"]+", "number": "(CUST-9\d+)"', page.read_text())):
        _, invoice = customer_and_invoice(shop, number=number)
        assert invoice["total"] == 180.75
    assert [one.name for one in workspace[0].iterdir() if not ignored(one.name)] == []


def test_who_comes_from_one_page_to_another_meets_no_number_that_is_taken() -> None:
    """Except for the new invoice of the examples, which is the same line on every page."""
    customers = [
        re.findall(r'^.*"name": "[^"]+", "number": "CUST-9\d+".*$', page.read_text(), re.M)
        for page in PAGES
    ]
    lines = sorted(line for found in customers for line in set(found))
    numbers = {number for line in lines for number in re.findall(r"CUST-9\d+", line)}
    assert len(set(lines)) == len(numbers)
    repeated = {line for line in lines if lines.count(line) > 1}
    assert repeated <= set((ROOT / "examples" / "new-invoice.singer").read_text().splitlines())


def test_what_the_page_updates_and_voids_is_updated_and_voided(
    shop: Account, typed: Callable[[str], None]
) -> None:
    """By the ids of Invoiced, also if that is typed twice, and by keys of another system."""
    by_id, by_key = [
        block for block in blocks(DOCS / "target.md") if '"_sdc_deleted_at": "' in block
    ]
    for block in (by_id, by_id, by_key):
        typed(block)
    for known in ({"number": "CUST-9002"}, {"name": "Ostrander & Daughters"}):
        customer, invoice = customer_and_invoice(shop, **known)
        assert (customer["payment_terms"], customer["notes"]) == ("NET 60", None)
        assert invoice["status"] == "voided"


def written_off(invoice: Any) -> bool:
    """Whether an invoice is closed with a balance that nobody expects any more."""
    return bool(invoice["closed"] and invoice["balance"] and invoice["status"] != "voided")


def test_the_calls_of_the_page_do_what_it_says(shop: Account, typed: Callable[[str], None]) -> None:
    before = {row["id"] for row in shop.objects("customers")}
    page = DOCS / "calls.md"
    headings = re.findall(r"^## (\w+)$", page.read_text(), re.M)
    assert sorted(headings) == sorted(one.word for one in CALLS)
    for block in blocks(page):
        typed(block)
        if "pauses.singer" in block:
            assert shop.objects("subscriptions")[-1]["paused"]
    owners = {row["id"]: row["name"] for row in shop.objects("customers")}
    shown = [
        (owners[row["customer"]], "closed" if written_off(row) else row["status"], row["total"])
        for row in shop.objects("invoices")
        if row["customer"] not in before
    ]
    assert sorted(shown) == sorted(
        [
            ("Marlow Instruments", "not_sent", 80),
            ("Penrose Couriers", "voided", 30),
            ("Penrose Couriers", "voided", 45),
            ("Penrose Couriers", "not_sent", 75),
            ("Thistle & Rowe", "paid", 60),
            ("Calder Optics", "sent", 20),
            ("Fenwick Signs", "closed", 15),
            ("Bracken Stone", "not_sent", 250),
        ]
    )
    assert "Marlow Instruments Ltd" not in owners.values()
    assert not shop.objects("subscriptions")[-1]["paused"]


def test_every_block_is_run_or_says_why_not() -> None:
    for page in PAGES:
        fences = re.findall(r"^ *```(bash|console|sh|shell)\b", page.read_text(), re.M)
        found = list(BLOCK.finditer(page.read_text()))
        assert len(found) == len(fences), f"{page.name}: a block that no test sees"
        for one in found:
            assert one[3] == "bash" or one["why"], f"{page.name}: what `console` shows is not run"


def test_what_pages_show_as_json_is_json() -> None:
    for page in (*PAGES, ROOT / "README.md"):
        for text in re.findall(r"^```json\n(.*?)^```$", page.read_text(), re.S | re.M):
            try:
                json.loads(text)
            except json.JSONDecodeError:
                assert all(json.loads(line) for line in text.splitlines()), page.name


def test_the_failure_rules_of_the_page_work() -> None:
    page = (DOCS / "operating.md").read_text().split("## Rehearse failures")[1]
    (rules,) = re.findall(r"^```json\n(.*?)^```$", page, re.S | re.M)
    faults = Faults(json.loads(rules))
    assert [faults.next("POST", "/invoices") is not None for _ in range(3)] == [True] * 3
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(KINDS)


def test_generated_pages_are_what_the_tables_say() -> None:
    pages: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    for name, content in pages.items():
        assert (DOCS / name).read_text() == content, f"docs/{name} is old: make docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: each warning, such as of a broken link, fails."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return folder


class Links(HTMLParser):
    """What a page leads to (`a`), what it fetches, and the places within it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.followed: set[str] = set()
        self.fetched: set[str] = set()
        self.places: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in FETCHED or (name == "href" and tag != "a"):
                self.fetched.add(value or "")
            elif name == "href":
                self.followed.add(value or "")
            elif name == "id":
                self.places.add(value or "")


def html_pages(site: Path) -> Iterator[tuple[Path, Links]]:
    """All but the answer to a wrong address, which only a web server gives."""
    for page in sorted(site.rglob("*.html")):
        if page.name != "404.html":
            yield page, Links(page)


def test_the_site_has_every_page_and_nothing_else_of_the_folder(site: Path) -> None:
    pages = {page.relative_to(site).with_suffix("") for page, _ in html_pages(site)}
    written = {page.relative_to(DOCS).with_suffix("") for page in PAGES}
    assert pages == written | {Path("changelog")}
    assert not list(site.rglob("*.py")) and not (site / "hub").exists()


def test_the_site_fetches_nothing_from_another_host(site: Path) -> None:
    for page, links in html_pages(site):
        for link in links.fetched:
            assert not urlsplit(link).netloc, f"{page.name}: {link}"
    for sheet in site.rglob("*.css"):
        for address in re.findall(r"(?:url\(|@import\s)\s*[\"']?([^\"')\s]+)", sheet.read_text()):
            assert not urlsplit(address).netloc, f"{sheet.name}: {address}"


def test_the_site_can_be_read_from_the_file_system(site: Path) -> None:
    """Every link within it names a file that is there, and a place that is in it."""
    places: dict[Path, Any] = {page: links.places for page, links in html_pages(site)}
    for page, links in html_pages(site):
        for link in links.followed | links.fetched:
            parts = urlsplit(link)
            if parts.netloc or parts.scheme == "mailto":
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.is_file(), f"{page.name}: {link}"
            if parts.fragment:
                assert unquote(parts.fragment) in places[file], f"{page.name}: {link}"


def shown(text: str) -> list[str]:
    """The lines of a run, without what differs from run to run: requests and what follows them."""
    numbers = re.compile(r"(?:\s+\d+ \|){3}\s+\d+\.\d \|$")
    lines = (numbers.sub(" … |", line.replace("\xa0", " ").rstrip()) for line in text.splitlines())
    return [re.sub("-+", "-", line) for line in lines if line.strip()]


def test_the_picture_shows_what_the_commands_print_today(tmp_path: Path) -> None:
    script = runpy.run_path(str(ROOT / "examples" / "picture.py"))
    drawn = DOCS / "run.svg"
    today = script["run"]()
    (tmp_path / "run.svg").write_text(script["picture"](today))
    assert "| created |" in today and "| requests |" in today
    assert shown(text_of(drawn)) == shown(text_of(tmp_path / "run.svg")), "make picture"
    assert set(re.findall(r"https?://[^\s\"')]+", drawn.read_text())) == {
        "http://www.w3.org/2000/svg"
    }


def text_of(picture: Path) -> str:
    """The lines of a picture. Its pieces of text stand at x and y."""
    lines: dict[float, dict[float, str]] = {}
    for piece in ElementTree.parse(picture).iterfind(f".//{SVG}g[@class='run-matrix']//{SVG}text"):
        lines.setdefault(float(piece.get("y", 0)), {})[float(piece.get("x", 0))] = piece.text or ""
    return "\n".join("".join(lines[y][x] for x in sorted(lines[y])) for y in sorted(lines))


def test_the_readme_leads_to_pages_that_are_there() -> None:
    links = re.findall(r"\]\(((?!http|#)[^)]+)\)", (ROOT / "README.md").read_text())
    assert "docs/target.md" in links
    for link in links:
        assert (ROOT / link.split("#")[0]).exists(), link
