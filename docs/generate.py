"""Writes the pages that the tables show: streams, endpoints, settings, and the table of calls.

`make docs` runs this before it builds the site; a test compares what is committed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from invoiced_api.bodies import AttributeType, Body, ListOf, Nested, Ref, RefList, Scalar
from invoiced_api.calls import CALLS
from invoiced_api.connection import CONNECTION_SETTINGS
from invoiced_api.resources import RESOURCES, DeleteBehaviour, Resource, SideEffect, WriteCalls
from invoiced_api.settings import Setting
from singer_command.logs import LOG_FORMAT
from tap_invoiced.settings import setting_table
from target_invoiced.settings import TARGET_SETTINGS

DOCS = Path(__file__).parent
SCHEMAS = DOCS.parent / "schemas"
WRITTEN = "<!-- Written by docs/generate.py: `make docs` writes it anew. -->"

REMOVALS: Mapping[DeleteBehaviour | None, str] = {
    DeleteBehaviour.DELETE: "It is deleted (`DELETE`).",
    DeleteBehaviour.VOID_ONCE_ISSUED: "A draft is deleted (`DELETE`), an issued one is voided "
    "(`POST …/void`). It is read first, to see which.",
    DeleteBehaviour.VOID: "It is voided (`DELETE`, after which it is still there, as void).",
    DeleteBehaviour.CANCEL: "It is canceled (`DELETE`, after which it is still there, as canceled).",
    None: "Not at all: Invoiced has no call for it, and such a record is a reject.",
}


def pages() -> dict[str, str]:
    """Name of the file -> its content."""
    return {
        "streams.md": _page("Streams and columns", STREAMS_INTRO, _streams()),
        "endpoints.md": _page("Endpoints", ENDPOINTS_INTRO, _endpoints()),
        "settings.md": _page("Settings", SETTINGS_INTRO, _settings()),
        "calls.md": _with_table((DOCS / "calls.md").read_text(encoding="utf-8"), _object_calls()),
    }


def _page(title: str, intro: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", WRITTEN, "", intro.strip(), "", *lines]).rstrip() + "\n"


def _table(head: str, rows: Iterable[Iterable[str]]) -> list[str]:
    """A table whose head names its columns, divided by commas."""
    names = head.split(", ")
    cells = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |" for row in cells]


# What stands between these two in a page of its own text is generated.
BEGIN, END = "<!-- begin: written by docs/generate.py -->", "<!-- end -->"


def _with_table(page: str, lines: Iterable[str]) -> str:
    before, rest = page.split(BEGIN)
    after = rest.split(END, 1)[1]
    return "\n".join([before + BEGIN, "", *lines, "", END + after])


def _object_calls() -> list[str]:
    return _table(
        "call, writes to, side effect, what it does",
        [
            (
                f"[`POST {one.path}`](#{one.word})",
                f"[`{one.resource}`](endpoints.md#{one.resource})"
                + (f", also those in {_listed(one.references)}" if one.references else ""),
                f"`{one.side_effect.value}`" if one.side_effect else "",
                f"It {one.does}.",
            )
            for one in CALLS
        ],
    )


STREAMS_INTRO = """
What the tap reads, in the order in which it does, so that what is referred to comes first. A stream
that is not read by default is [selected in the catalog](tap.md#select-streams-and-fields).

A column may be null unless it says otherwise. A date-time is RFC 3339 in UTC, a number has the
digits that Invoiced sent. A dot leads into an object, `[]` into the items of a list; an object that
several streams share is shown once, under [Parts](#parts). A stream whose deletions are told has
one more column with `capture_deletes`: `_sdc_deleted_at`, a date-time.
"""


def _streams() -> Iterator[str]:
    yield from _table(
        "stream, path, by default, written by the target",
        [
            (
                f"[`{one.name}`](#{one.name})",
                f"`{one.path}`",
                "✓" if one.by_default else "",
                f"[yes](endpoints.md#{one.name})" if one.writes else "",
            )
            for one in RESOURCES
        ],
    )
    for resource in RESOURCES:
        yield from ("", f"## {resource.name}", "")
        yield from _table("fact, value", _facts(resource))
        yield ""
        yield from _columns(SCHEMAS / f"{resource.name}.json")
    yield from ("", "## Parts", "", "Objects that stand within those of several streams.")
    for file in sorted((SCHEMAS / "shared").glob("*.json")):
        yield from ("", f"### {file.stem}", "")
        yield from _columns(file)


def _facts(resource: Resource) -> Iterator[tuple[str, str]]:
    yield "path", f"`{resource.path}`"
    yield "key", _listed(resource.key)
    yield "bookmark", f"`{resource.replication_key}`"
    yield "read by default", "yes" if resource.by_default else "no"
    yield "how changes are found", resource.strategy.value
    queries = [_query(one) for one in resource.lists if one]
    if queries:
        plain = ["the plain one"] if {} in resource.lists else []
        yield "lists that are read", ", ".join([*plain, *queries])
    if resource.parent:
        below = f"[`{resource.parent.resource}`](#{resource.parent.resource})"
        having = f" that have a `{resource.parent.having}`" if resource.parent.having else ""
        yield "below", f"each of the {below}{having}; `{resource.parent.attribute}` is its id"
    if resource.deleted_by:
        yield "deletions", f"reported by the events {_listed(resource.deleted_by)}"


def _query(query: Mapping[str, str]) -> str:
    return f"`?{'&'.join(f'{name}={value}' for name, value in query.items())}`"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _columns(file: Path) -> list[str]:
    return _table("column, type", _fields(json.loads(file.read_text(encoding="utf-8"))))


def _fields(schema: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    for name, field in schema["properties"].items():
        yield f"`{within}{name}`", _type(field)
        yield from _inner(field, f"{within}{name}")


def _inner(field: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    if "properties" in field:
        yield from _fields(field, f"{path}.")
    if "items" in field:
        yield from _inner(field["items"], f"{path}[]")


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        part = Path(field["$ref"]).stem
        return f"object: [{part}](#{part})"
    types = [field["type"]] if isinstance(field["type"], str) else field["type"]
    (kind,) = [one for one in types if one != "null"]
    if kind == "array":
        return f"list of {_type(field['items']).removeprefix('object: ')}"
    never = "" if "null" in types else ", never null"
    return f"{field.get('format', kind)}{never}"


ENDPOINTS_INTRO = """
Where the target writes. A stream goes to the endpoint of its name unless
[`streams`](target.md#map-streams-to-endpoints) says otherwise. What stands in no table here is not
sent: a column of the stream is left out silently, anything else with a warning.

| in a table | means |
| --- | --- |
| ✓ | accepted by the call that creates, or by the one that updates |
| as it is | goes out as it stands in the record |
| JSON | number, boolean, list or object; a string is read as [the JSON in it](target.md#convert-values) |
| metadata | object of your own keys, with [bounds](target.md#convert-values); a string is read as JSON |
| object, list of objects | of it, what the table shows; a string is read as JSON |
| date-time | RFC 3339 date or date-time, or UNIX seconds; goes out as UNIX seconds |
| id of | what may stand there is told in [References](target.md#refer-to-other-objects) |
| `[]` | of each object in the list |
"""


def _endpoints() -> Iterator[str]:
    for resource in RESOURCES:
        if resource.writes:
            yield from (f"## {resource.name}", "")
            yield from _table("fact, value", _calls(resource, resource.writes))
            yield ""
            yield from _attributes(resource.writes)
            yield ""


def _calls(resource: Resource, writes: WriteCalls) -> Iterator[tuple[str, str]]:
    path = writes.path or resource.path
    each = writes.object_path or path + ("" if writes.singleton else "/{id}")
    if writes.singleton:
        yield "create, update", f"`PUT {path}`: it is the only one there, and is set"
    else:
        yield "create", f"`POST {path}`"
        yield "update", f"`PATCH {each}`" if writes.update else "none: such a record is a reject"
    yield "leaves the books", REMOVALS[writes.removal]
    if resource.natural_key:
        yield "natural key", f"`{resource.natural_key}`"
    if writes.one_of:
        yield "one of", f"{_listed(writes.either)}: the first that a record has"
    effects = [writes.side_effect] if writes.side_effect else []
    bodies = (writes.create, writes.update or {})
    if any("autopay" in one for one in bodies):
        effects.append(SideEffect.AUTOPAY)
    for effect in effects:
        when = "turning `autopay` on" if effect is SideEffect.AUTOPAY else "every create"
        yield "side effect", f"{when} needs `{effect.value}` in `allow_side_effects`"
    yield "stream", f"[`{resource.name}`](streams.md#{resource.name})"


def _attributes(writes: WriteCalls) -> list[str]:
    create = dict(_flat(writes.create))
    update = dict(_flat(writes.create if writes.singleton else writes.update or {}))
    return _table(
        "attribute, create, update, goes out",
        [
            (
                f"`{name}`",
                "✓" if name in create else "",
                "✓" if name in update else "",
                _goes_out(create.get(name) or update[name]),
            )
            for name in {**create, **update}
        ],
    )


def _flat(body: Body, within: str = "") -> Iterator[tuple[str, AttributeType]]:
    for name, kind in body.items():
        yield f"{within}{name}", kind
        match kind:
            case Nested(inner):
                yield from _flat(inner, f"{within}{name}.")
            case ListOf(inner):
                yield from _flat(inner, f"{within}{name}[].")


def _goes_out(kind: AttributeType) -> str:
    match kind:
        case Scalar.JSON:
            return "list"
        case Scalar.TIMESTAMP:
            return "date"
        case Scalar():
            return kind.value
        case RefList(resource):
            return f"ids of [{resource}](#{resource})"
        case Ref(resource):
            return f"id of [{resource}](#{resource})"
        case Nested():
            return "object"
        case ListOf():
            return "list of objects"


SETTINGS_INTRO = """
Settings are the keys of the JSON object in the file that `--config` names. It may be given more
than once: a later file's settings win, one by one. What the files leave out is taken from the
environment: `TAP_INVOICED_` or `TARGET_INVOICED_` with the name of the setting in capitals, the key
also from `INVOICED_API_KEY`. No `.env` file is read. Booleans and numbers may be strings, objects
and lists JSON in a string. A setting that a command does not know is a warning, a value that it
cannot use an error in one line. A secret is shown nowhere.

`tap-invoiced --about` and `target-invoiced --about` print the same as JSON; `--about markdown` as a
table, `--about meltano` as a plugin's definition.
"""


def _settings() -> Iterator[str]:
    both = (*CONNECTION_SETTINGS, LOG_FORMAT)
    names = {one.name for one in both}
    for heading, table in (
        ("Of both commands", both),
        ("Of the tap", [one for one in setting_table() if one.name not in names]),
        ("Of the target", [one for one in TARGET_SETTINGS if one.name not in names]),
    ):
        yield from (f"## {heading}", "")
        yield from _table("setting, kind, default, what it says", map(_setting, table))
        yield ""
    yield from (
        "`streams` is explained in [Map streams to endpoints](target.md#map-streams-to-endpoints).",
    )


def _setting(one: Setting) -> tuple[str, ...]:
    empty = one.default is None or one.default == {} or one.default == frozenset()
    default = "" if empty else f"`{json.dumps(one.default).strip(chr(34))}`"
    kind = f"{one.kind}, secret" if one.secret else one.kind
    return f"`{one.name}`", kind, default, one.help


def main() -> None:
    for name, content in pages().items():
        (DOCS / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
