"""Checks a record against its SCHEMA. Problems name places and rules, never values."""

import re
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any
from urllib.parse import unquote

import jsonschema
from jsonschema.validators import extend

# Enough digits for the quotient of any two doubles; databases send steps as fine as 1e-38.
EXACT = Context(prec=700)


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[Any]:
    """In decimals: 19.99 is a multiple of 0.01, whatever their doubles say."""
    if not validator.is_type(value, "number"):
        return
    if EXACT.remainder(_decimal(value), _decimal(step)):
        yield jsonschema.ValidationError(f"not a multiple of {step}")


def _decimal(number: float | Decimal) -> Decimal:
    return number if isinstance(number, Decimal) else Decimal(repr(number))


def _type(validator: Any, types: Any, value: Any, schema: Any) -> Iterator[Any]:
    """As in later drafts, 3.0 is an integer; so is one of more digits than 64 bits hold."""
    names = [types] if isinstance(types, str) else types
    if "integer" in names and isinstance(value, (float, Decimal)) and value % 1 == 0:
        return
    yield from CHECK_TYPE(validator, types, value, schema)


CHECK_TYPE = jsonschema.Draft4Validator.VALIDATORS["type"]
_Validator = extend(jsonschema.Draft4Validator, {"multipleOf": _multiple_of, "type": _type})


class _LocalReferences(jsonschema.RefResolver):  # type: ignore[misc]  # has no type hints
    """Follows `$ref` within the schema only: a schema may not make us open other addresses."""

    def resolve_remote(self, uri: str) -> Any:
        raise jsonschema.RefResolutionError(uri)


class Validator:
    """Checks records against one JSON Schema (Draft 4).

    Args:
        schema: the JSON Schema.

    Raises:
        ValueError: if it is none.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            jsonschema.Draft4Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            place = _dotted(error.path)
            raise ValueError(f"`{place}` breaks the rule `{error.validator}`") from None
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if (circle := _circle(schema)) is not None:
            raise ValueError(f"its `$ref` {circle} refers to itself")
        self._validator = _Validator(schema, resolver=_LocalReferences.from_schema(schema))

    def first_problem(self, record: dict[str, Any]) -> str | None:
        """The first problem (`items[0].quantity must be of type number`) of a record, or None."""
        try:
            error = next(self._validator.iter_errors(record), None)
        except RecursionError:
            return "it is nested too deeply for its SCHEMA"
        except jsonschema.RefResolutionError:
            return "its SCHEMA has a `$ref` to something outside it"
        except re.error:
            return "its SCHEMA has a `pattern` that is not a regular expression"
        if error is None:
            return None
        place = _dotted(error.path) or "the record"
        if error.validator == "type":
            types = error.validator_value
            wanted = types if isinstance(types, str) else " or ".join(map(str, types))
            return f"{place} must be of type {wanted}"
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            return f"{place} lacks {', '.join(missing)}"
        return f"{place} breaks the rule `{error.validator}` of its SCHEMA"


def _dotted(path: Any) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


# Keywords whose schemas hold for the same value as the schema around them.
IN_PLACE = ("allOf", "anyOf", "oneOf")


def _circle(schema: Any) -> str | None:
    """A `$ref` that leads back to itself without going into the value; None if there is none."""
    left, refs = [schema], set[str]()
    while left:
        node = left.pop()
        if isinstance(node, dict):
            refs |= {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            left += node.values()
        elif isinstance(node, list):
            left += node
    return next((ref for ref in sorted(refs) if _leads_back(schema, ref)), None)


def _leads_back(schema: Any, ref: str) -> bool:
    seen: set[str] = set()
    left = _same_value(_target(schema, ref))
    while left:
        one = left.pop()
        if one == ref:
            return True
        if one not in seen:
            seen.add(one)
            left += _same_value(_target(schema, one))
    return False


def _same_value(node: Any) -> list[str]:
    """The references that hold for the same value as a schema."""
    if not isinstance(node, dict):
        return []
    if isinstance(node.get("$ref"), str):
        return [node["$ref"]]
    inner = [one for word in IN_PLACE for one in node.get(word, ())] + [node.get("not")]
    return [ref for one in inner for ref in _same_value(one)]


def _target(schema: Any, ref: str) -> Any:
    """What a reference within the schema points to; None where it points elsewhere."""
    if not ref.startswith("#"):
        return None
    node = schema
    for step in filter(None, unquote(ref[1:]).split("/")):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict):
            node = node.get(name)
        else:
            return None
    return node
