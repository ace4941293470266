"""The checks of a body: accepted attributes, their types, blanks and the limits of metadata.

Pure: a body goes in and a clean copy comes out, or ApiError names the attribute at fault.
"""

from collections.abc import Callable, Mapping
from typing import Any

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import plain, whole
from invoiced_emulator.resources.definition import ResourceDefinition, Row, Types
from invoiced_emulator.resources.documents import PARTS
from invoiced_emulator.rules.calls import EmulatedCall

METADATA_KEYS = 10
METADATA_KEY_LENGTH = 40
METADATA_VALUE_LENGTH = 255
# 9999-12-31: beyond it, a timestamp is probably in milliseconds.
LAST_SECOND = 253_402_300_799


def created(resource: ResourceDefinition, body: object) -> Row:
    """The attributes of a `POST`. Blank ones are left out, so that they take their default.

    Raises:
        ApiError: for an attribute that is unknown, of another type, or required and absent.
    """
    given = _accepted(resource, resource.create, body)
    kept = {name: value for name, value in given.items() if value is not None}
    for name in resource.required:
        if name not in kept:
            raise ApiError(f"{_words(name)} is required", name)
    return kept


def changed(resource: ResourceDefinition, body: object) -> Row:
    """The attributes of a `PATCH`. A blank one takes the value of an object that never had it.

    Raises:
        ApiError: for an attribute that is unknown, of another type, or must not be blank.
    """
    given = _accepted(resource, resource.update, body)
    for name, value in given.items():
        if value is not None or name not in resource.template:
            continue
        if name in resource.blank_refused:
            raise ApiError(f"{_words(name)} cannot be blank", name)
        default = resource.template[name]
        given[name] = plain(default) if isinstance(default, bool | list | dict) else None
    return given


def called(call: EmulatedCall, body: object) -> Row:
    """The attributes of a call such as `POST /invoices/:id/pay`; its body may be absent.

    Raises:
        ApiError: for an attribute that is unknown, of another type, or required and absent.
    """
    given = _object(body if body is not None else {})
    kept = {k: v for k, v in _checked(given, call.accepts, "call", None).items() if v is not None}
    for name in call.required:
        if name not in kept:
            raise ApiError(f"{_words(name)} is required", name)
    return kept


def _object(body: object) -> Row:
    if not isinstance(body, dict):
        raise ApiError("The body of the request must be a JSON object")
    return body


def _accepted(resource: ResourceDefinition, types: Types, body: object) -> Row:
    label = resource.label or resource.singular.capitalize()
    return _checked(_object(body), types, label, None)


def _checked(given: Mapping[str, Any], types: Types, label: str, owner: str | None) -> Row:
    """A clean copy of `given`; `owner` is the attribute it is part of, None for the whole body."""
    clean = {}
    for name, value in given.items():
        kind = types.get(name)
        if kind is None:
            raise ApiError(f"Mass assignment of {name} on {label} is not allowed", name)
        filled = None if isinstance(value, str) and value == "" else value
        clean[name] = None if filled is None else CHECKS[kind](filled, name)
    return clean


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _is(kind: type | tuple[type, ...], noun: str) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> Any:
        # bool is an int to Python, and never to Invoiced.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ApiError(f"{_words(name)} must be {noun}", name)
        return whole(value) if isinstance(value, float) else plain(value)

    return check


def _timestamp(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LAST_SECOND:
        raise ApiError(f"{_words(name)} must be a UNIX timestamp in whole seconds", name)
    return value


def _metadata(value: Any, name: str) -> Row:
    if not isinstance(value, dict):
        raise ApiError("Metadata must be an object", name)
    if len(value) > METADATA_KEYS:
        raise ApiError(f"Metadata holds at most {METADATA_KEYS} keys", name)
    for key, entry in value.items():
        if not 0 < len(key) <= METADATA_KEY_LENGTH:
            raise ApiError(f"A metadata key has 1 to {METADATA_KEY_LENGTH} characters", name)
        if isinstance(entry, dict | list):
            raise ApiError("A metadata value must be a string, number or boolean", name)
        if len(str(entry)) > METADATA_VALUE_LENGTH:
            raise ApiError(f"A metadata value has at most {METADATA_VALUE_LENGTH} characters", name)
    return {key: plain(entry) for key, entry in value.items() if entry not in (None, "")}


def _reference(value: Any, name: str) -> str:
    """The id of a coupon or tax rate, written as the id or as the object that holds it."""
    key = value.get("id") if isinstance(value, dict) else value
    if not isinstance(key, str) or not key:
        raise ApiError(f"{_words(name)} must be an id or an object with an id", name)
    return key


def _ids(value: Any, name: str) -> list[str]:
    """The ids of tax rates or coupons, where Invoiced takes no objects."""
    if not isinstance(value, list) or not all(isinstance(key, str) and key for key in value):
        raise ApiError(f"{_words(name)} must be a list of ids", name)
    return [*value]


_LABELS = {
    "items": "LineItem",
    "discounts": "Discount",
    "taxes": "Tax",
    "addons": "Addon",
    "applications": "PaymentApplication",
    "installments": "Installment",
}


def _list_of(part: str) -> Callable[[Any, str], list[Row]]:
    def check(value: Any, name: str) -> list[Row]:
        if not isinstance(value, list):
            raise ApiError(f"{_words(name)} must be a list", name)
        entries = []
        for entry in value:
            # A tax may be written as the bare id of its rate.
            whole_entry = {"tax_rate": entry} if part == "taxes" and _is_text(entry) else entry
            if not isinstance(whole_entry, dict):
                raise ApiError(f"{_words(name)} must be a list of objects", name)
            entries.append(_checked(whole_entry, PARTS[part], _LABELS[part], name))
        return entries

    return check


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _ship_to(value: Any, name: str) -> Row:
    if not isinstance(value, dict):
        raise ApiError("Ship to must be an object", name)
    return _checked(value, PARTS["ship_to"], "ShippingDetail", name)


CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "string": _is(str, "a string"),
    "integer": _is(int, "an integer"),
    "number": _is((int, float), "a number"),
    "boolean": _is(bool, "true or false"),
    "array": _is(list, "a list"),
    "price": _is((int, float, str), "a number"),
    "timestamp": _timestamp,
    "metadata": _metadata,
    "ids": _ids,
    "reference": _reference,
    "items": _list_of("items"),
    "discounts": _list_of("discounts"),
    "taxes": _list_of("taxes"),
    "addons": _list_of("addons"),
    "applications": _list_of("applications"),
    "installments": _list_of("installments"),
    "ship_to": _ship_to,
}
