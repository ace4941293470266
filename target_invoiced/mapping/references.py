"""The objects that a record refers to: found in it, and replaced by their ids. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from invoiced_api.bodies import RefList
from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.coercion import coerce, to_integer, to_text
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, Reference, key_text
from target_invoiced.stream_settings import Ids


def reference(value: Any, resource: str, ids: Ids, path: str) -> Any:
    """The id in a record, or the reference that will be looked up for it.

    An object may stand in the place of its id, whole or with nothing but its natural key. Raises
    InvalidRecordError.
    """
    own_number = BY_NAME[resource].natural_key != "id"
    if isinstance(value, str) and value.startswith("{"):
        value = coerce(value)
    if isinstance(value, dict):
        if value.get("id") is None:
            return _natural(value, resource, path)
        value = value["id"]
    if value is None or value == "":
        return value if ids is Ids.INVOICED or value == "" else None
    try:
        key = key_text(value)
    except InvalidRecordError:
        raise InvalidRecordError(
            f"`{path}` is neither a number nor a string. Send the key of the object"
        ) from None
    if ids is Ids.INVOICED:
        return to_integer(value) if own_number else key
    return None if key is None else ExternalKey(resource, key)


def reference_list(value: Any, kind: RefList, ids: Ids, path: str) -> Any:
    """A list of ids; an entry may also be an object with the id, or one that refers to it.

    Raises InvalidRecordError.
    """
    if value == "":
        return value
    if not isinstance(value, list):
        raise InvalidRecordError(f"`{path}` is not a list")
    named = [
        one[kind.attribute] if isinstance(one, dict) and one.get(kind.attribute) else one
        for one in value
    ]
    return [reference(one, kind.resource, ids, f"{path}[]") for one in named]


def _natural(value: Mapping[str, Any], resource: str, path: str) -> NaturalKey:
    attribute = BY_NAME[resource].natural_key
    written = to_text(value.get(attribute)) if attribute else None
    if attribute and isinstance(written, str) and written:
        return NaturalKey(resource, attribute, written)
    needed = f"`id` or `{attribute}`" if attribute and attribute != "id" else "`id`"
    raise InvalidRecordError(f"`{path}` refers to no object. Add its {needed}")


def references(template: Any) -> Iterator[Reference]:
    """The references in a body or path, each as often as it occurs."""
    if isinstance(template, dict):
        for value in template.values():
            yield from references(value)
    elif isinstance(template, (list, tuple)):
        for value in template:
            yield from references(value)
    elif isinstance(template, (ExternalKey, NaturalKey)):
        yield template


def resolve_references(template: Any, ids: Mapping[Reference, Any]) -> Any:
    """The body or path with ids in place of its references, as far as those are in `ids`."""
    if isinstance(template, dict):
        return {name: resolve_references(value, ids) for name, value in template.items()}
    if isinstance(template, list):
        return [resolve_references(value, ids) for value in template]
    if isinstance(template, tuple):
        return tuple(resolve_references(value, ids) for value in template)
    is_reference = isinstance(template, (ExternalKey, NaturalKey))
    return ids.get(template, template) if is_reference else template
