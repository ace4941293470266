"""Does a record keep to its SCHEMA? Answers name places and rules, never values."""

import re
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any

import jsonschema
from jsonschema.validators import extend

# Enough digits for the quotient of any two doubles; databases send steps as fine as 1e-38.
EXACT = Context(prec=700)


def _multiple_of(validator: Any, step: Any, value: Any, schema: Any) -> Iterator[Any]:
    """In decimals: 19.99 is a multiple of 0.01, whatever their doubles say."""
    if not validator.is_type(value, "number"):
        return
    if EXACT.remainder(Decimal(repr(value)), Decimal(repr(step))):
        yield jsonschema.ValidationError(f"not a multiple of {step}")


_Validator = extend(jsonschema.Draft4Validator, {"multipleOf": _multiple_of})


class _LocalReferences(jsonschema.RefResolver):  # type: ignore[misc]  # has no type hints
    """Follows `$ref` within the schema only: a schema may not make us open other addresses."""

    def resolve_remote(self, uri: str) -> Any:
        raise jsonschema.RefResolutionError(uri)


class Validator:
    """Checks records against one JSON Schema (Draft 4). Raises ValueError if it is not one."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            jsonschema.Draft4Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            place = _dotted(error.path)
            raise ValueError(f"`{place}` breaks the rule `{error.validator}`") from None
        self._validator = _Validator(schema, resolver=_LocalReferences.from_schema(schema))

    def first_problem(self, record: dict[str, Any]) -> str | None:
        """What is wrong with the record, `items[0].quantity must be of type number`; or None."""
        try:
            error = next(self._validator.iter_errors(record), None)
        except jsonschema.RefResolutionError:
            return "its SCHEMA refers with `$ref` to what is not within it"
        except re.error:
            return "its SCHEMA has a `pattern` that is no regular expression"
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
