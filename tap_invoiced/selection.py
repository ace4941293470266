"""From a catalog to the selected streams and fields, and how each stream is read."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from singer import metadata

from invoiced_api.definitions import Resource
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME
from tap_invoiced import discovery
from tap_invoiced.columns import EXTRA

LOGGER = logging.getLogger(__name__)

Breadcrumb = tuple[str, ...]
Metadata = Mapping[Breadcrumb, Mapping[str, Any]]

NEW_CATALOG = "make a new catalog with --discover."


@dataclass(frozen=True, slots=True)
class SelectedStream:
    """One selected stream.

    Attributes:
        resource: what is read.
        schema: the selected fields.
        full_schema: all known fields.
        alias: the catalog's own name for the stream in messages; empty if it has none.
        full_table: whether everything is read in every run, whatever the state holds.
    """

    resource: Resource
    schema: dict[str, Any]
    full_schema: dict[str, Any]
    alias: str = ""
    full_table: bool = False

    @property
    def name(self) -> str:
        """Its `tap_stream_id`, for logs and the state."""
        return self.resource.name

    @property
    def message_name(self) -> str:
        """Its name in messages."""
        return self.alias or self.resource.name


@dataclass(frozen=True, slots=True)
class _CatalogEntry:
    """A stream as a catalog describes it, and as discovery does once it is selected."""

    name: str
    given: Mapping[str, Any]
    metadata: Metadata
    own: Mapping[str, Any] = field(default_factory=dict)
    own_metadata: Metadata = field(default_factory=dict)

    def option(self, name: str) -> Any:
        """What the catalog says about the stream, in its metadata or beside it, as Meltano does."""
        return self.metadata.get((), {}).get(name) or self.given.get(name.replace("-", "_"))

    def selected(self) -> bool | None:
        """Whether the stream is selected; None if the catalog does not say."""
        words = (
            self.metadata.get((), {}).get("selected"),
            self.given.get("selected"),
            self.given["schema"].get("selected"),
        )
        return self._first(words, "")

    def field_selected(self, breadcrumb: Breadcrumb, given: Mapping[str, Any]) -> bool | None:
        """Whether a field is selected; None if the catalog does not say."""
        words = (self.metadata.get(breadcrumb, {}).get("selected"), given.get("selected"))
        return self._first(words, dotted(breadcrumb))

    def _first(self, words: tuple[Any, ...], path: str) -> bool | None:
        for word in words:
            meaning = _boolean(word)
            if meaning is not None:
                return meaning
            if word is not None:
                where = f"`{self.name}`" + (f", field `{path}`" if path else "")
                LOGGER.warning(
                    "catalog: stream %s: ignoring `selected`, which must be true or false, not %s",
                    where,
                    word,
                )
        return None


def selected_streams(catalog: Any = None, *, extra_columns: bool = False) -> list[SelectedStream]:
    """The selected streams of a catalog, or the default ones without a catalog; parents first.

    With `extra_columns`, each object has the column EXTRA, unless the catalog deselects it.

    Raises:
        InvalidInputError: if the catalog has another shape, or names a stream or field that this
            tap does not have and that is not deselected.
    """
    if catalog is None:
        catalog = discovery.catalog(extra_columns=extra_columns)
    given = _entries(catalog)
    for name, entry in given.items():
        if name not in BY_NAME and _entry_of(entry).selected() is not False:
            raise InvalidInputError(
                f"catalog: unknown stream `{name}`. Known are {', '.join(BY_NAME)}; {NEW_CATALOG}"
            )
    found = (
        _stream(_entry_of(given[resource.name]), resource, extra_columns)
        for resource in BY_NAME.values()
        if resource.name in given
    )
    streams = [stream for stream in found if stream]
    _check_aliases(streams)
    return streams


def _entries(catalog: Any) -> dict[str, dict[str, Any]]:
    try:
        entries = {
            entry.get("tap_stream_id") or entry["stream"]: entry for entry in catalog["streams"]
        }
        for entry in entries.values():
            _metadata_of(entry)
            discovery.fields(entry["schema"])
    except (AttributeError, KeyError, TypeError):
        raise InvalidInputError(
            'catalog: must be an object with "streams", each with "tap_stream_id", "schema" and '
            '"metadata"; make a new one with --discover.'
        ) from None
    return entries


def _metadata_of(entry: Mapping[str, Any]) -> dict[Breadcrumb, dict[str, Any]]:
    found: dict[Breadcrumb, dict[str, Any]] = metadata.to_map(entry.get("metadata") or [])
    return found


def _entry_of(given: Mapping[str, Any]) -> _CatalogEntry:
    name = given.get("tap_stream_id") or given["stream"]
    return _CatalogEntry(str(name), given, _metadata_of(given))


def _check_aliases(streams: list[SelectedStream]) -> None:
    """Raises InvalidInputError if two streams would be mixed under one name."""
    names = [stream.message_name for stream in streams]
    for stream in streams:
        if names.count(stream.message_name) > 1:
            raise InvalidInputError(
                f'catalog: two selected streams have the name `{stream.message_name}` in "stream". '
                "Give each a name of its own."
            )


def _stream(entry: _CatalogEntry, resource: Resource, extra_columns: bool) -> SelectedStream | None:
    selected = entry.selected()
    if selected is False or entry.option("inclusion") == "unsupported":
        return None
    own, given = discovery.entry(resource, extra_columns=extra_columns), entry.given
    entry = replace(entry, own=own, own_metadata=_metadata_of(own))
    _check_fields(entry)
    if selected is None and not entry.option("selected-by-default"):
        return None
    alias = given.get("stream")
    return SelectedStream(
        resource=resource,
        schema=_pruned(own["schema"], entry, given["schema"], ()),
        full_schema=own["schema"],
        alias=alias if isinstance(alias, str) and alias != entry.name else "",
        full_table=_is_full_table(entry),
    )


def _check_fields(entry: _CatalogEntry) -> None:
    """Raises InvalidInputError for a field that this tap does not have and that is not left out."""
    named = [*entry.metadata, *discovery.fields(entry.given["schema"])]
    for breadcrumb in named:
        known = breadcrumb in entry.own_metadata or EXTRA in breadcrumb
        if known or _left_out(entry, breadcrumb):
            continue
        raise InvalidInputError(
            f"catalog: stream `{entry.name}` has no field `{dotted(breadcrumb)}`; {NEW_CATALOG}"
        )


def _left_out(entry: _CatalogEntry, breadcrumb: Breadcrumb) -> bool:
    """Whether the catalog deselects a field, or one that it is a part of."""
    for above in _ancestors(breadcrumb):
        found = entry.metadata.get(above, {})
        if found.get("inclusion") == "unsupported" or _boolean(found.get("selected")) is False:
            return True
        if _boolean(_at(entry.given["schema"], above).get("selected")) is False:
            return True
    return False


def _ancestors(breadcrumb: Breadcrumb) -> Iterator[Breadcrumb]:
    for length in range(1, len(breadcrumb) + 1):
        yield breadcrumb[:length]


def _at(schema: Any, breadcrumb: Breadcrumb) -> Mapping[str, Any]:
    for step in breadcrumb:
        schema = schema.get(step) if isinstance(schema, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def _is_full_table(entry: _CatalogEntry) -> bool:
    """Whether the catalog asks for a full read; warns about what this tap cannot do."""
    method = str(entry.option("replication-method") or "INCREMENTAL").upper()
    if method == "FULL_TABLE":
        return True
    if method != "INCREMENTAL":
        LOGGER.warning(
            "catalog: stream `%s`: replication method %s is not supported; using INCREMENTAL",
            entry.name,
            method,
        )
    key, own_key = entry.option("replication-key"), BY_NAME[entry.name].replication_key
    if key and key != own_key:
        LOGGER.warning(
            "catalog: stream `%s`: replication key `%s` is not supported; using `%s`",
            entry.name,
            key,
            own_key,
        )
    return False


def dotted(breadcrumb: Breadcrumb) -> str:
    """The path of a breadcrumb, such as `items[].name`."""
    path = ""
    steps = iter(breadcrumb)
    for step in steps:
        path += "[]" if step == "items" else f".{next(steps, '')}"
    return path.removeprefix(".")


def _boolean(word: Any) -> bool | None:
    """True, False and their names in any case; None for anything else."""
    if isinstance(word, bool):
        return word
    meaning = {"true": True, "false": False}
    return meaning.get(word.strip().lower()) if isinstance(word, str) else None


def _pruned(
    schema: dict[str, Any], entry: _CatalogEntry, given: Mapping[str, Any], at: Breadcrumb
) -> dict[str, Any]:
    """The schema without the fields that are not selected, at any depth."""
    pruned = dict(schema)
    if "items" in schema:
        inner = given.get("items") or {}
        pruned["items"] = _pruned(schema["items"], entry, inner, (*at, "items"))
    if "properties" in schema:
        kept = given.get("properties") or {}
        pruned["properties"] = {
            name: _pruned(field, entry, kept.get(name) or {}, (*at, "properties", name))
            for name, field in schema["properties"].items()
            if _is_selected((*at, "properties", name), entry, kept, name)
        }
    return pruned


def _is_selected(
    breadcrumb: Breadcrumb, entry: _CatalogEntry, kept: Mapping[str, Any], name: str
) -> bool:
    """Whether a field is emitted. `kept` are its siblings in the catalog's own schema.

    A schema that lists no fields selects all of them; one that lists some has had the others
    removed.
    """
    # Keys and bookmarks are always sent, even where an orchestrator marks them otherwise.
    if entry.own_metadata[breadcrumb]["inclusion"] == "automatic":
        return True
    found = entry.metadata.get(breadcrumb, {})
    removed = kept and name not in kept and name != EXTRA  # which discovery seldom lists
    if found.get("inclusion") == "unsupported" or removed:
        return False
    selected = entry.field_selected(breadcrumb, kept.get(name) or {})
    if selected is None:
        selected = _boolean(found.get("selected-by-default"))
    return selected is not False
