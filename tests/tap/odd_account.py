"""A sample account with objects of every stream, one value of which is shown as any other JSON."""

import json
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import urllib3
from hypothesis import strategies as st

from invoiced_api.client import Client
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_emulator import Account, seeded
from invoiced_emulator.resources.account_settings import SETTINGS
from tap_invoiced import discovery
from tap_invoiced.bookmarks import State
from tap_invoiced.messages import Messages
from tap_invoiced.progress import LogProgress
from tap_invoiced.selection import selected_streams
from tap_invoiced.settings import tap_settings
from tap_invoiced.sync import Sync

API_KEY = "emulator-key"
NOW = 1_772_366_400
DAY_S = 86_400
STREAMS = tuple(one.name for one in RESOURCES)

Place = tuple[Any, ...]
Key = tuple[str, ...]
Record = dict[str, Any]

# What a PHP server, a proxy or a broken character set may send, as it stands in a body.
ODD = [
    *("null", "true", "false", "0", "1", "-1", "5", "1.0", "2.5", "-0.0", "1e3", "1e22", "1e-7"),
    *("1e308", "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0.12345678901234567890123"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 400),
    *("-62169984000", "253402300799", "253402300800", "99999999999999", "1700000000", "1e18"),
    *('""', '"0"', '"5"', '" 5"', '"--5"', '"nan"', '"NaN"', '"1_000"', '"12.50"', '"true"'),
    *('"yes"', '"1700000000"', '"20260131"', '"2026-01-31"', '"0000-00-00"', '"10000-01-01"'),
    *('"2026-02-30T10:00:00Z"', '"0000-01-01T00:00:00Z"', '"9999-12-31T23:59:59.9Z"'),
    *(r'"cut \ud83d"', r'"\udc00"', '"caf\udce9"', r'"\u0000"', '"\x01"', '"a/b?c=%d#e"'),
    *("[]", "{}", "[[]]", "[null]", "[5]", '["vat"]', '[{"id": 5}]', '[{"id": "vat"}]'),
    *('{"id": 5}', '{"id": "vat"}', '{"id": {}}', '{"id": null}', '{"1": {"id": 5}}'),
    *('{"2": null, "1": 5}', '{"name": [{}]}', '{"object": NaN}', r'{"\ud83d": "\ud83d"}'),
    *('{"usd": 1e999}', '{"_extra": {"_extra": 1}}', '{"created_at": "soon"}'),
    *("[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, "[" * 20_000 + "]" * 20_000),
    '{"a": ' + "[" * 300 + "]" * 300 + "}",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["id", "name", "1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "name", "items", "1", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)
VALUES = st.sampled_from(ODD) | JSON.map(json.dumps)
MARK = "the value goes here"


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute of one object is shown with another value.

    Attributes:
        stream: of the object.
        key: the id of its parent, if it has one, and its own.
        place: where the attribute is.
        value: JSON that takes its place.
    """

    stream: str
    key: Key
    place: Place
    value: str


@dataclass
class OddServer:
    """The responses of a server that nothing changes, with a change."""

    upstream: str
    change: Change | None = None
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=32))
    known: dict[str, urllib3.BaseHTTPResponse] = field(default_factory=dict)

    def response(self, target: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if target not in self.known:
            headers = urllib3.make_headers(basic_auth=f"{API_KEY}:")
            self.known[target] = self._pool.request("GET", self.upstream + target, headers=headers)
        known = self.known[target]
        kept = ("Content-Type", "X-Total-Count", "Date")
        shown = {name: known.headers[name] for name in kept if name in known.headers}
        body = known.data
        parent = object_of(target, self.change.stream) if self.change else None
        if self.change and known.status == 200 and parent is not None:
            body = changed(body, self.change, parent)
        return known.status, shown, body


def object_of(target: str, stream: str) -> tuple[str, ...] | None:
    """The ids that the path of a list, or of an object, of a stream holds; None for others."""
    path = urlsplit(target).path
    resource = BY_NAME[stream]
    pattern = re.sub(r"{\w+}", "([^/]+)", resource.path)
    found = re.fullmatch(pattern, path)
    if found is None and resource.parent is None:
        found = re.fullmatch(f"{pattern}/[^/]+", path)
    return found.groups() if found else None


def changed(body: bytes, change: Change, parent: Key) -> bytes:
    """The body with the value in place of the attribute, if it shows the object."""
    value = json.loads(body)
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if (*parent, *([str(row["id"])] if "id" in row else [])) != change.key:
            continue
        holder = row
        for step in change.place[:-1]:
            holder = holder[step]
        holder[change.place[-1]] = MARK
        text = json.dumps(value).replace(f'"{MARK}"', change.value, 1)
        return text.encode("utf-8", "surrogateescape")
    return body


@contextmanager
def served(server: OddServer) -> Iterator[str]:
    """The address at which the server listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # http.server's own name
            status, headers, body = server.response(self.path)
            self.send_response_only(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def whole_account() -> Account:
    """A few objects of every stream. A day ago some were deleted, voided, edited or merged."""
    clock = [NOW - 2 * DAY_S]
    account = seeded(customers=5, seed=7, now=lambda: clock[0], api_key=API_KEY)
    add_settings_and_files(account)
    clock[0] = NOW - DAY_S
    for name in ("invoices", "tasks", "contacts", "transactions"):
        gone, edited, *_ = (row["id"] for row in account.objects(name)[:2])
        account.remove(name, gone)
        account.edit(name, edited, updated_at=clock[0])
    kept, gone, *_ = (row["id"] for row in account.objects("customers"))
    account.merge(gone, kept)
    clock[0] = NOW
    return account


def add_settings_and_files(account: Account) -> None:
    """What the sample data has none of: lists of settings, and attachments."""
    for setting in SETTINGS:
        account.add(setting.name, name="One", steps=[{"rate": 1.5}])
        account.add(setting.name, name="Two", enabled=True)
    moment = account.clock() - 60
    for kind in ("invoices", "estimates", "credit_notes"):
        for row in account.objects(kind)[:2]:
            file = {"id": row["id"], "object": "file", "name": "a.png", "size": 5}
            dates = {"created_at": moment, "updated_at": moment}
            shown = {"id": row["id"], "object": "attachment", "file": {**file, **dates}, **dates}
            account.attachments[kind, row["id"]] = [shown]


def catalog_entries(streams: tuple[str, ...]) -> dict[str, Any]:
    """A catalog with these streams selected."""
    catalog = discovery.catalog()
    for entry in catalog["streams"]:
        entry["selected"] = entry["stream"] in streams
    return catalog


@dataclass
class Read:
    """What one run emitted and logged.

    Attributes:
        records: in their order, by stream and key.
        state: the last one.
        failed: why, by stream.
        warnings: the lines of the log.
    """

    records: dict[str, dict[Key, list[Record]]]
    state: State
    failed: dict[str, str]
    warnings: list[str]

    def rows(self, stream: str) -> list[Record]:
        """The last record of each object."""
        return [records[-1] for records in self.records[stream].values()]

    def only(self, streams: Collection[str]) -> "Read":
        """The same of some streams."""
        return replace(self, records={name: self.records[name] for name in streams})


class Lines(logging.Handler):
    """Keeps the messages of the log, from WARNING on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def read(
    client: Client, streams: tuple[str, ...] = STREAMS, state: State | None = None, **more: Any
) -> Read:
    """Reads streams in this process, which spares the start of a command."""
    config = {"api_key": API_KEY, "start_date": "2015-01-01", "max_retry_seconds": 0.3, **more}
    lines: list[bytes] = []
    log = Lines()
    root = logging.getLogger()
    root.addHandler(log)
    try:
        settings = tap_settings(config, {})
        sync = Sync(client, settings, Messages(lines.append), state or {}, LogProgress())
        sync.run(selected_streams(catalog_entries(streams)))
    finally:
        root.removeHandler(log)
    records: dict[str, dict[Key, list[Record]]] = {name: defaultdict(list) for name in STREAMS}
    last: State = {}
    for message in map(json.loads, b"".join(lines).splitlines()):
        if message["type"] == "RECORD":
            record = message["record"]
            records[message["stream"]][key_of(message["stream"], record)].append(record)
        elif message["type"] == "STATE":
            last = message["value"]
    return Read(records, last, sync.failed.reasons, log.lines)


def key_of(stream: str, record: Record) -> Key:
    """The id of its parent, if it has one, and its own."""
    return tuple(str(record.get(name)) for name in BY_NAME[stream].key)


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where the attributes of an object are, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*at, name)
            yield from places(inner, (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


def path_of(place: Place) -> str:
    """How a warning names the place: `items[].amount`."""
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def set_by_reader(stream: str) -> set[str]:
    """Attributes that the reader itself puts into a row."""
    resource = BY_NAME[stream]
    names = {resource.flag, resource.parent.attribute if resource.parent else None}
    return {name for name in names if name}


def objects_shown(server: OddServer) -> dict[str, dict[Key, Record]]:
    """The objects of every stream, as the lists that were requested so far show them."""
    found: dict[str, dict[Key, Record]] = {name: {} for name in STREAMS}
    for target, response in server.known.items():
        for stream in STREAMS if response.status == 200 else ():
            if (parent := object_of(target, stream)) is None:
                continue
            value = json.loads(response.data)
            for row in value if isinstance(value, list) else [value]:
                own = [str(row["id"])] if "id" in row else []
                found[stream].setdefault((*parent, *own), row)
    return found


def violations(change: Change, before: Read, after: Read) -> list[str]:
    """What a change cost beside its attribute; nothing is right."""
    stream, key, place = change.stream, change.key, change.place
    wrong = [f"{name} failed: {reason}" for name, reason in after.failed.items()]
    lost = place == ("id",) and key not in after.records[stream]
    below = {one.name for one in RESOURCES if one.parent and one.parent.resource == stream}
    reaches_children = place in (("id",), ("payment_plan",))
    for name, known in before.records.items():
        for other, records in known.items():
            if (name, other) == (stream, key):
                continue
            if reaches_children and name in below and other[0] == key[0]:
                continue  # only the changed attribute leads to them
            if rests_on(change, before, other, records[-1]):
                continue
            # Two objects may share an id now; then both are emitted under it.
            if records[-1] not in after.records[name].get(other, []):
                wrong.append(f"{name} {other} is lost or changed")
    named = any(one.startswith(f"{stream} ") and is_about(one, place) for one in after.warnings)
    if key not in before.records[stream]:
        return wrong  # older than what this run reads
    if lost:
        changed_id = set(after.records[stream]) - set(before.records[stream])
        return (
            wrong if changed_id or named else [*wrong, "the row is gone, and no warning names it"]
        )
    if key not in after.records[stream]:
        return [*wrong, "the row is lost"]
    record = after.records[stream][key][-1]
    expected = before.records[stream][key][-1]
    for name in {*record, *expected} - {place[0], "_extra"}:
        if record.get(name) != expected.get(name):
            wrong.append(f"{name} is {record.get(name)!r}")
    emitted = at(record, place)
    if emitted is None and at(expected, place) is not None and change.value != "null" and not named:
        wrong.append("the value is null, and no warning names it")
    return wrong


# Without these, nothing says what an event is about.
NAMING = {"type", "data", "object", "id", "customer", "invoice", "original_customer", "timestamp"}


def rests_on(change: Change, before: Read, key: Key, record: Record) -> bool:
    """Whether a record came from what the changed event says: a deletion, or a merge."""
    if change.stream != "events" or change.key not in before.records["events"]:
        return False
    event = before.records["events"][change.key][-1]
    if change.place[-1] in NAMING and event["type"] == "customer.merged":
        return True
    within = change.place[:2] == ("data", "object")
    if event["type"] == "customer.merged" and within and "_sdc_deleted_at" in record:
        return True
    about = event["data"]["object"]
    return str(about.get("id")) == key[-1] and (within or change.place[-1] in NAMING)


def is_about(line: str, place: Place) -> bool:
    """Whether a warning names the place, or a part that holds it."""
    fields = [path_of(place[: end + 1]) for end in range(len(place))]
    return any(f"field `{field}" in line for field in fields)


def at(record: Any, place: Place) -> Any:
    """The value at a place; None if there is none."""
    for step in place:
        try:
            record = record[step]
        except (KeyError, IndexError, TypeError):
            return None
    return record
