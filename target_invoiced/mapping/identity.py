"""The objects that a write changes, and those that it refers to, however they are named. Pure."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from invoiced_api.bodies import Body, ListOf, Nested, Ref, RefList
from invoiced_api.resources import RESOURCES
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.coercion import coerce
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectId, ObjectRef, key_text
from target_invoiced.mapping.operations import Path
from target_invoiced.mapping.references import reference, reference_list
from target_invoiced.stream_settings import Ids

# The first word of a path -> the resource whose objects are below it.
AT_PATH = {one.path.strip("/"): one.name for one in RESOURCES if "{" not in one.path}


def object_ref(value: Any, resource: str) -> ObjectRef | None:
    """The name of an object in the place of an id; None for anything else."""
    if isinstance(value, (ExternalKey, NaturalKey)):
        return value
    try:
        text = key_text(value)
    except InvalidRecordError:
        return None
    return None if text is None else ObjectId(resource, text)


def path_objects(path: Path) -> set[ObjectRef]:
    """The objects that a path names: invoice 7 for `/invoices/7/emails`."""
    words: list[Any] = []
    for number, piece in enumerate(path):
        words += [word for word in piece.split("/") if word] if number % 2 == 0 else [piece]
    found = {
        object_ref(value, AT_PATH[word])
        for word, value in pairwise(words)
        if isinstance(word, str) and word in AT_PATH
    }
    return {one for one in found if one is not None}


def body_objects(record: Mapping[str, Any], accepted: Body, ids: Ids) -> set[ObjectRef]:
    """The objects that a record mentions at any depth, also where no request needs them."""
    return set(_mentioned(record, accepted, ids))


def _mentioned(record: Mapping[str, Any], accepted: Body, ids: Ids) -> Iterator[ObjectRef]:
    for name, kind in accepted.items():
        value = record.get(name)
        if value is None:
            continue
        try:
            match kind:
                case Ref(resource):
                    named = [object_ref(reference(value, resource, ids, name), resource)]
                    yield from (one for one in named if one is not None)
                case RefList():
                    listed = reference_list(coerce(value), kind, ids, name)
                    refs = [object_ref(one, kind.resource) for one in listed]
                    yield from (one for one in refs if one is not None)
                case Nested(body):
                    yield from _each([coerce(value)], body, ids)
                case ListOf(body):
                    parts = coerce(value)
                    yield from _each(parts if isinstance(parts, list) else [], body, ids)
        except InvalidRecordError:
            continue  # the reject says so, once the record is mapped


def _each(parts: list[Any], body: Body, ids: Ids) -> Iterator[ObjectRef]:
    for part in parts:
        if isinstance(part, Mapping):
            yield from _mentioned(part, body, ids)
