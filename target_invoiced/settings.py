"""The target's settings, parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from invoiced_api import settings
from invoiced_api.connection import CONNECTION_SETTINGS, Connection, connection_from
from invoiced_api.failures import BadInput
from invoiced_api.resources import BY_NAME, ENDPOINTS, Resource, Writes
from invoiced_api.settings import Setting, read_settings
from singer_command.logs import LOG_FORMAT


class Operation(Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Where a stream's records go, and what of them."""

    resource: Resource
    exclude: frozenset[str] = frozenset()
    operations: frozenset[Operation] = frozenset(Operation)

    @property
    def writes(self) -> Writes:
        return ENDPOINTS[self.resource.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """`max_rejects` is None when there is no limit."""

    connection: Connection
    streams: Mapping[str, StreamSettings]
    skip_unknown_streams: bool
    rejects: str | None
    max_rejects: int | None
    allow_card_like: frozenset[str]

    def stream(self, name: str) -> StreamSettings | None:
        """What a stream is mapped to, else the endpoint of its name, if there is one."""
        if name in self.streams:
            return self.streams[name]
        return StreamSettings(resource=BY_NAME[name]) if name in ENDPOINTS else None


def names(value: Any) -> frozenset[str]:
    """A list of names; in a string, as the environment holds it, as JSON or divided by commas."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            value = [name.strip() for name in value.split(",")]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("a list of names")
    return frozenset(value)


TARGET_SETTINGS = (
    *CONNECTION_SETTINGS,
    LOG_FORMAT,
    Setting(
        name="streams",
        kind="object",
        parse=settings.mapping,
        default={},
        help="where streams go that are not named like an endpoint, and what is left out: see "
        "Streams and endpoints",
    ),
    Setting(
        name="unknown_streams",
        kind='"error" or "skip"',
        parse=settings.one_of(("error", "skip")),
        default="error",
        help="what to do about a stream without an endpoint",
    ),
    Setting(
        name="rejects",
        kind="file",
        parse=settings.text,
        help="file to which refused records are added, to be mended and piped in again; without "
        "it the reasons are logged",
    ),
    Setting(
        name="max_rejects",
        kind="-1 or more",
        parse=settings.integer(-1),
        default=0,
        help="how many refused records the run may go on after; -1 for no limit",
    ),
    Setting(
        name="allow_card_like",
        kind="list of names",
        parse=names,
        default=frozenset(),
        help="attributes whose values may look like card numbers without being refused",
    ),
)


def target_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> TargetSettings:
    """Raises BadInput."""
    values = read_settings(TARGET_SETTINGS, config, "TARGET_INVOICED", environ)
    return TargetSettings(
        connection=connection_from(values),
        streams={name: _stream(name, given) for name, given in values["streams"].items()},
        skip_unknown_streams=values["unknown_streams"] == "skip",
        rejects=values["rejects"],
        max_rejects=None if values["max_rejects"] == -1 else values["max_rejects"],
        allow_card_like=values["allow_card_like"],
    )


def _stream(name: str, given: Any) -> StreamSettings:
    """One entry of `streams`, checked key by key."""

    def wrong(what: str) -> BadInput:
        return BadInput(f"setting `streams`: `{name}` {what}. Correct it and start again.")

    if not isinstance(given, dict):
        raise wrong('must be an object such as {"endpoint": "customers"}')
    for key in given.keys() - {"endpoint", "ids", "exclude", "operations"}:
        raise wrong(f"has an unknown key `{key}`; known are endpoint, ids, exclude, operations")
    endpoint = given.get("endpoint", name)
    if not isinstance(endpoint, str) or endpoint not in ENDPOINTS:
        raise wrong(f"needs an `endpoint`, one of {', '.join(ENDPOINTS)}")
    if given.get("ids", "invoiced") != "invoiced":
        raise wrong('can only have "invoiced" as `ids`: the `id` of its records is Invoiced\'s own')
    try:
        operations = names(given.get("operations", [one.value for one in Operation]))
        return StreamSettings(
            resource=BY_NAME[endpoint],
            exclude=names(given.get("exclude", [])),
            operations=frozenset(Operation(one) for one in operations),
        )
    except ValueError:
        raise wrong(
            "needs lists of names: `exclude` of attributes, `operations` of create, update, delete"
        ) from None
