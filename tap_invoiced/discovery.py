"""From the table of resources and the schemas to a catalog. Needs no network."""

from typing import Any

from singer import metadata

import invoiced_schemas
from invoiced_api.definitions import Resource
from invoiced_api.resources import RESOURCES
from tap_invoiced.columns import with_extra

Breadcrumb = tuple[str, ...]


def catalog(*, extra_columns: bool = False) -> dict[str, Any]:
    """The Singer catalog of everything that the tap can read; default streams are selected.

    Args:
        extra_columns: whether each object has the column EXTRA (the setting `extra_columns`).
    """
    return {"streams": [entry(one, extra_columns=extra_columns) for one in RESOURCES]}


def entry(resource: Resource, *, extra_columns: bool = False) -> dict[str, Any]:
    """The entry of one stream in the catalog; see `catalog`."""
    schema = invoiced_schemas.load(resource.name)
    if extra_columns or not resource.documented:
        schema = with_extra(schema)
    automatic = {*resource.key, resource.replication_key}
    marks: dict[Breadcrumb, dict[str, Any]] = {
        (): {
            "inclusion": "available",
            "selected-by-default": resource.by_default,
            "table-key-properties": list(resource.key),
            "forced-replication-method": "INCREMENTAL",
            "valid-replication-keys": [resource.replication_key],
        }
    }
    # Every field needs its mark: orchestrators take one without as not to be left out.
    for breadcrumb in fields(schema):
        own = breadcrumb[-1] in automatic and len(breadcrumb) == 2
        marks[breadcrumb] = {"inclusion": "automatic" if own else "available"}
    return {
        "tap_stream_id": resource.name,
        "stream": resource.name,
        "key_properties": list(resource.key),
        "schema": schema,
        "metadata": metadata.to_list(marks),
    }


def fields(schema: dict[str, Any], within: Breadcrumb = ()) -> list[Breadcrumb]:
    """The breadcrumb of every field of a schema; nested ones follow the field that holds them."""
    found: list[Breadcrumb] = []
    for name, field in schema.get("properties", {}).items():
        path = (*within, "properties", name)
        found.append(path)
        if "properties" in field or "items" in field:
            found += fields(field, path)
    if "items" in schema:
        found += fields(schema["items"], (*within, "items"))
    return found
