"""Where the records of a stream go: the entries of the setting `streams`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from invoiced_api import settings
from invoiced_api.calls import call_at
from invoiced_api.definitions import Resource, WriteCalls
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME, ENDPOINTS
from target_invoiced.exceptions import StreamSettingError

MOST_IN_A_BATCH = 100
# The percentage of a stream's objects that a new version of a mirror may remove.
DEFAULT_MIRROR_LIMIT = 30
percent = settings.integer(0, 100)


class OperationKind(Enum):
    """What the records of a stream may do."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class DoubtPolicy(Enum):
    """What happens to a record when nothing shows whether it was sent before."""

    REJECT = "reject"
    SEND = "send"
    SKIP = "skip"


class Ids(Enum):
    """Whose ids the records of a stream hold: this account's, or another system's keys."""

    INVOICED = "invoiced"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Nulls:
    """Which nulls are left out.

    Attributes:
        ignored: attributes whose nulls are left out; None for all.
    """

    ignored: frozenset[str] | None = frozenset()

    def clears(self, name: str) -> bool:
        """Whether a null clears the attribute."""
        return self.ignored is not None and name not in self.ignored


CLEAR_ALL, CLEAR_NONE = Nulls(), Nulls(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointStream:
    """A stream whose records are written to an endpoint.

    Attributes:
        resource: that is written to.
        ids: whose ids the records hold.
        exclude: attributes that are left out.
        operations: that its records may ask for.
        mirror: whether a new version removes what it lacks.
        mirror_limit: the most objects that it may remove, in percent.
        doubt: what happens to a record that may have been sent before.
        key_properties: of records whose SCHEMA names none.
        nulls: which nulls clear an attribute.
        time_zone: where a date without time begins; None for noon UTC.
    """

    resource: Resource
    ids: Ids = Ids.INVOICED
    exclude: frozenset[str] = frozenset()
    operations: frozenset[OperationKind] = frozenset(OperationKind)
    mirror: bool = False
    mirror_limit: int = DEFAULT_MIRROR_LIMIT
    doubt: DoubtPolicy = DoubtPolicy.REJECT
    key_properties: tuple[str, ...] = ()
    nulls: Nulls = CLEAR_ALL
    time_zone: ZoneInfo | None = None

    @property
    def writes(self) -> WriteCalls:
        """The calls that write to the endpoint."""
        return ENDPOINTS[self.resource.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomCallStream:
    """A stream whose records go to a call of the user's own.

    Attributes:
        method: of the request.
        path: with names in braces, which attributes fill.
        ids: whose ids the records hold.
        headers: further ones; they may be secret.
        exclude: attributes that are left out of the body.
        batch_size: how many records are sent in one request.
        doubt: what happens to a record that may have been sent before.
    """

    method: str
    path: str
    ids: Ids = Ids.INVOICED
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    exclude: frozenset[str] = frozenset()
    batch_size: int = 1
    doubt: DoubtPolicy = DoubtPolicy.REJECT


StreamSettings = EndpointStream | CustomCallStream
# What an entry of the setting `streams` may hold.
ENDPOINT_KEYS = (
    *("endpoint", "ids", "exclude", "operations", "mirror", "nulls"),
    *("mirror_limit", "doubt", "key_properties"),
)
CALL_KEYS = ("method", "path", "headers", "ids", "exclude", "batch_size", "doubt")


def names(value: Any) -> frozenset[str]:
    """A list of names; in a string, as JSON or divided by commas."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = [name.strip() for name in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list of names")
    return frozenset(value)


def stream_settings(
    name: str,
    given: Any,
    ids: Ids,
    zone: ZoneInfo | None = None,
    mirror_limit: int = DEFAULT_MIRROR_LIMIT,
    source: str = "setting `streams`",
) -> StreamSettings:
    """One entry of the setting `streams`, checked key by key.

    Args:
        name: of the stream.
        given: the entry.
        ids: the setting `ids`.
        zone: the setting `time_zone`.
        mirror_limit: the setting `mirror_limit`.
        source: of the entry, for the message.

    Raises:
        InvalidInputError: if the entry cannot be used.
    """
    try:
        if not isinstance(given, dict):
            raise StreamSettingError('must be an object such as {"endpoint": "customers"}')
        if "method" in given or "path" in given:
            return _call(given, ids)
        return replace(_endpoint(name, given, ids, mirror_limit), time_zone=zone)
    except StreamSettingError as wrong:
        raise InvalidInputError(
            f"{source}: `{name}` {wrong}. Correct it and start again."
        ) from None


def _endpoint(name: str, given: dict[str, Any], default: Ids, mirror_limit: int) -> EndpointStream:
    _only(given, *ENDPOINT_KEYS)
    endpoint = given.get("endpoint", name)
    if not isinstance(endpoint, str) or endpoint not in ENDPOINTS:
        raise StreamSettingError(
            f"needs an `endpoint`, one of {', '.join(ENDPOINTS)}, or a `method` and `path`"
        )
    ids, mirror = _ids(given, default), given.get("mirror", False)
    if not isinstance(mirror, bool):
        raise StreamSettingError("needs true or false as `mirror`")
    try:
        limit = percent(given.get("mirror_limit", mirror_limit))
    except ValueError:
        raise StreamSettingError("needs a percentage from 0 to 100 as `mirror_limit`") from None
    if mirror and ids is not Ids.EXTERNAL:
        raise StreamSettingError('can only be a `mirror` with "external" as `ids`')
    nulls = _nulls(given.get("nulls", "clear"))
    try:
        operations = names(given.get("operations", [one.value for one in OperationKind]))
        return EndpointStream(
            resource=BY_NAME[endpoint],
            ids=ids,
            exclude=names(given.get("exclude", [])),
            operations=frozenset(OperationKind(one) for one in operations),
            mirror=mirror,
            mirror_limit=limit,
            doubt=_doubt(given),
            key_properties=_key_properties(given, ids),
            nulls=nulls,
        )
    except ValueError:
        raise StreamSettingError(
            "needs lists of names: `exclude` of attributes, `operations` of create, update, delete"
        ) from None


def _nulls(value: Any) -> Nulls:
    if value == "clear":
        return CLEAR_ALL
    if value == "ignore":
        return CLEAR_NONE
    try:
        return Nulls(names(value if isinstance(value, list) else None))
    except ValueError:
        raise StreamSettingError(
            'needs "clear", "ignore" or a list of attributes as `nulls`'
        ) from None


def _call(given: dict[str, Any], default: Ids) -> CustomCallStream:
    _only(given, *CALL_KEYS)
    methods = ("POST", "PATCH", "PUT", "DELETE")
    method, path = str(given.get("method", "")).upper(), given.get("path")
    if method not in methods:
        raise StreamSettingError(f"needs a `method`, one of {', '.join(methods)}")
    if not isinstance(path, str) or not re.fullmatch(r"(/([\w.-]|\{\w+\})+)+", path):
        raise StreamSettingError("needs a `path` such as /invoices/{invoice}/emails")
    headers = given.get("headers", {})
    if not isinstance(headers, dict) or not all(
        isinstance(value, str) and f"{name}{value}".isprintable() and f"{name}{value}".isascii()
        for name, value in headers.items()
    ):
        raise StreamSettingError("needs `headers` as an object of strings")
    call = call_at(method, path)
    if call and given.get("batch_size", 1) not in (1, "1"):
        raise StreamSettingError(f"cannot have a `batch_size`: a call to {call.word} takes no list")
    for name in call.references if call else ():
        if f"{{{name}}}" in path:
            raise StreamSettingError(
                f"needs another name than `{name}` in its `path`: the body holds that one"
            )
    try:
        return CustomCallStream(
            method=method,
            path=path,
            ids=_ids(given, default),
            headers=headers,
            exclude=names(given.get("exclude", [])),
            batch_size=settings.integer(1, MOST_IN_A_BATCH)(given.get("batch_size", 1)),
            doubt=_doubt(given),
        )
    except ValueError:
        raise StreamSettingError(
            f"needs `exclude` as a list of names and `batch_size` of 1 to {MOST_IN_A_BATCH}"
        ) from None


def _doubt(given: dict[str, Any]) -> DoubtPolicy:
    try:
        return DoubtPolicy(given.get("doubt", DoubtPolicy.REJECT.value))
    except ValueError:
        raise StreamSettingError('needs "reject", "send" or "skip" as `doubt`') from None


def _key_properties(given: dict[str, Any], ids: Ids) -> tuple[str, ...]:
    """The attributes that are the key, in place of those that the SCHEMA names."""
    written = given.get("key_properties", [])
    names(written)
    if not written:
        return ()
    if ids is not Ids.EXTERNAL:
        raise StreamSettingError('can only have `key_properties` with "external" as `ids`')
    return tuple(dict.fromkeys(written)) if isinstance(written, list) else tuple(names(written))


def _only(given: dict[str, Any], *known: str) -> None:
    for key in given.keys() - set(known):
        raise StreamSettingError(f"has an unknown key `{key}`; known are {', '.join(known)}")


def _ids(given: dict[str, Any], default: Ids) -> Ids:
    try:
        return Ids(given.get("ids", default.value))
    except ValueError:
        raise StreamSettingError('needs "invoiced" or "external" as `ids`') from None
