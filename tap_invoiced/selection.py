"""Catalog -> which streams and which of their fields are wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from singer import metadata

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME, Resource
from tap_invoiced import discovery
from tap_invoiced.columns import EXTRA

Breadcrumb = tuple[str, ...]
Metadata = Mapping[Breadcrumb, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Stream:
    """One selected stream. `schema` holds the selected fields only, `whole` all there are."""

    resource: Resource
    schema: dict[str, Any]
    whole: dict[str, Any]

    @property
    def name(self) -> str:
        return self.resource.name


def selected_streams(catalog: Any = None, *, extra_columns: bool = False) -> list[Stream]:
    """The selected streams of a catalog, or the default ones without a catalog; parents first.

    With `extra_columns`, each object has the column EXTRA, unless the catalog deselects it.

    Raises InvalidInputError if the catalog has another shape or names what this tap does not have.
    """
    own = {
        entry["tap_stream_id"]: entry
        for entry in discovery.catalog(extra_columns=extra_columns)["streams"]
    }
    given = own if catalog is None else _entries(catalog)
    for name in given:
        if name not in own:
            raise InvalidInputError(
                f"catalog: unknown stream `{name}`. Known are {', '.join(own)}; "
                "make a new catalog with --discover."
            )
    streams = [_stream(given[name], own[name]) for name in own if name in given]
    return [stream for stream in streams if stream]


def _entries(catalog: Any) -> dict[str, dict[str, Any]]:
    try:
        entries = {
            entry.get("tap_stream_id") or entry["stream"]: entry for entry in catalog["streams"]
        }
        for entry in entries.values():
            _metadata_of(entry)
            list(discovery.fields(entry["schema"]))
    except (AttributeError, KeyError, TypeError):
        raise InvalidInputError(
            'catalog: must be an object with "streams", each with "tap_stream_id", "schema" and '
            '"metadata"; make a new one with --discover.'
        ) from None
    return entries


def _metadata_of(entry: Mapping[str, Any]) -> dict[Breadcrumb, dict[str, Any]]:
    given_metadata: dict[Breadcrumb, dict[str, Any]] = metadata.to_map(entry.get("metadata") or [])
    return given_metadata


def _stream(entry: dict[str, Any], own: dict[str, Any]) -> Stream | None:
    name = own["tap_stream_id"]
    given_metadata, own_metadata = _metadata_of(entry), _metadata_of(own)
    for breadcrumb in [*given_metadata, *discovery.fields(entry["schema"])]:
        if breadcrumb not in own_metadata and EXTRA not in breadcrumb:
            raise InvalidInputError(
                f"catalog: stream `{name}` has no field `{dotted(breadcrumb)}`; "
                "make a new catalog with --discover."
            )
    if not _stream_selected(entry, given_metadata.get((), {})):
        return None
    return Stream(
        resource=BY_NAME[name],
        schema=_pruned(own["schema"], given_metadata, own_metadata, entry["schema"], ()),
        whole=own["schema"],
    )


def dotted(breadcrumb: Breadcrumb) -> str:
    """`items[].name`, for ("properties", "items", "items", "properties", "name")."""
    path = ""
    steps = iter(breadcrumb)
    for step in steps:
        path += "[]" if step == "items" else f".{next(steps, '')}"
    return path.removeprefix(".")


def _stream_selected(entry: Mapping[str, Any], given_metadata: Mapping[str, Any]) -> bool:
    """The catalog's word in each of the places where it may stand, the newest way first."""
    for word in (
        given_metadata.get("selected"),
        entry.get("selected"),
        entry["schema"].get("selected"),
        given_metadata.get("selected-by-default"),
    ):
        if word is not None:
            return bool(word)
    return False


def _pruned(
    schema: dict[str, Any],
    given_metadata: Metadata,
    own_metadata: Metadata,
    given: Any,
    at: Breadcrumb,
) -> dict[str, Any]:
    """The schema without the fields that are not selected, at any depth."""
    pruned = dict(schema)
    if "items" in schema:
        inner = given.get("items", {})
        pruned["items"] = _pruned(
            schema["items"], given_metadata, own_metadata, inner, (*at, "items")
        )
    if "properties" in schema:
        inner = given.get("properties", {})
        pruned["properties"] = {
            name: _pruned(
                field, given_metadata, own_metadata, inner.get(name, {}), (*at, "properties", name)
            )
            for name, field in schema["properties"].items()
            if _field_selected(
                (*at, "properties", name), given_metadata, own_metadata, inner.get(name, {})
            )
        }
    return pruned


def _field_selected(
    breadcrumb: Breadcrumb,
    given_metadata: Metadata,
    own_metadata: Metadata,
    given: Mapping[str, Any],
) -> bool:
    # Keys and bookmarks are always sent, even where an orchestrator marks them otherwise.
    if own_metadata[breadcrumb]["inclusion"] == "automatic":
        return True
    field_metadata = given_metadata.get(breadcrumb, {})
    for word in (
        field_metadata.get("selected"),
        given.get("selected"),
        field_metadata.get("selected-by-default"),
    ):
        if word is not None:
            return bool(word)
    return True
