"""The settings of the target, parsed once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from invoiced_api import settings
from invoiced_api.calls import call_at
from invoiced_api.connection import CONNECTION_SETTINGS, Connection, connection_from, url
from invoiced_api.definitions import Resource, SideEffect, WriteCalls
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME, ENDPOINTS
from invoiced_api.settings import Setting, read_settings
from singer_command.database import database_url
from singer_command.logs import LOG_FORMAT
from target_invoiced.exceptions import StreamSettingError

MOST_IN_A_BATCH = 100
NO_LEDGER = "none"
# The percentage of a stream's objects that a new version of a mirror may remove.
DEFAULT_MIRROR_LIMIT = 30


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """The settings of one run.

    More than 12 fields, one for each setting.

    Attributes:
        connection: the account and how to reach it.
        streams: where records go, by stream.
        ids: whose ids records hold, unless their stream states it.
        skip_unknown_streams: whether streams without an endpoint are skipped.
        ledger: URL of the database; None for none.
        account: name of the account in the ledger; None if it is not set.
        rejects: path of the file; None for none.
        max_rejects: how many records may be rejected; None for no limit.
        responses: path of the file; None for none.
        response_webhook: URL; None for none.
        report: path of the file; None for none.
        allow_card_like: attributes that may hold numbers like card numbers.
        allow_side_effects: effects on customers and cards that are allowed.
        pipeline: names the input among those that write to the account.
        time_zone: where a date without time begins; None for noon UTC.
    """

    connection: Connection
    streams: Mapping[str, StreamSettings]
    ids: Ids
    skip_unknown_streams: bool
    ledger: str | None = field(repr=False)
    account: str | None
    rejects: str | None
    max_rejects: int | None
    responses: str | None
    response_webhook: str | None = field(repr=False)
    report: str | None
    allow_card_like: frozenset[str]
    allow_side_effects: frozenset[SideEffect]
    pipeline: str = "default"
    time_zone: ZoneInfo | None = None

    @property
    def mixes_ids(self) -> bool:
        """Whether some streams hold keys of another system, and some hold ids of the account."""
        return len({self.ids, *(stream.ids for stream in self.streams.values())}) > 1

    def stream(self, name: str) -> StreamSettings | None:
        """The settings of a stream, else the endpoint of its name; None if there is none."""
        if name in self.streams:
            return self.streams[name]
        if name not in ENDPOINTS:
            return None
        return EndpointStream(resource=BY_NAME[name], ids=self.ids, time_zone=self.time_zone)


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


def side_effects(value: Any) -> frozenset[SideEffect]:
    """A list of side effects. Raises ValueError for an unknown one."""
    try:
        return frozenset(SideEffect(name) for name in names(value))
    except ValueError:
        known = ", ".join(effect.value for effect in SideEffect)
        raise ValueError(f"a list of some of {known}") from None


def database(value: Any) -> str | None:
    """A database URL; None for "none"."""
    if value == NO_LEDGER:
        return None
    try:
        return database_url(value)
    except ValueError as error:
        raise ValueError(f'{error}, or "{NO_LEDGER}"') from None


def webhook(value: Any) -> str:
    """A URL, kept byte for byte: its path and query may be secret. Raises ValueError."""
    written = settings.text(value)
    if not re.fullmatch(r"[!-~]+", written) or "#" in written:
        raise ValueError("a URL of ASCII characters without spaces and fragment")
    url(written.partition("?")[0])
    return written


def time_zone(value: Any) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError for an unknown one."""
    try:
        return ZoneInfo(settings.text(value))
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("the IANA name of a time zone, such as America/Chicago") from None


percent = settings.integer(0, 100)

TARGET_SETTINGS = (
    *CONNECTION_SETTINGS,
    LOG_FORMAT,
    Setting(
        name="streams",
        kind="object",
        parse=settings.mapping,
        default={},
        help="endpoint or custom call of each stream, and its options; by default a stream goes to "
        "the endpoint of its name",
    ),
    Setting(
        name="ids",
        kind='"invoiced" or "external"',
        parse=settings.one_of(tuple(ids.value for ids in Ids)),
        default=Ids.INVOICED.value,
        help="what identifies a record: the `id` of an object in this account, or a key of another "
        "system, which the ledger maps to Invoiced's id",
    ),
    Setting(
        name="ledger",
        kind="URL of a database",
        parse=database,
        default="sqlite:///invoiced-ledger.db",
        secret=True,
        help="database that stores keys and the journal of writes between runs: SQLite, "
        'PostgreSQL, or "none"',
    ),
    Setting(
        name="account",
        kind="name",
        parse=settings.text,
        help="name of the account in the ledger, which stays when the API key changes; by default "
        "the address and the key identify the account",
    ),
    Setting(
        name="mirror_limit",
        kind="0-100",
        parse=percent,
        default=DEFAULT_MIRROR_LIMIT,
        help="maximum percentage of a stream's objects that a new version of a `mirror` may "
        "remove, for streams of 10 objects or more; `streams` may override it",
    ),
    Setting(
        name="pipeline",
        kind="name",
        parse=settings.text,
        default="default",
        help="name of the pipeline in the ledger; set it if several pipelines write equal records "
        "without a key to one account",
    ),
    Setting(
        name="unknown_streams",
        kind='"error" or "skip"',
        parse=settings.one_of(("error", "skip")),
        default="error",
        help="what happens to a stream without an endpoint",
    ),
    Setting(
        name="rejects",
        kind="file",
        parse=settings.text,
        help="file to which rejected records are added, to be corrected and sent again; by default "
        "the reasons are only logged",
    ),
    Setting(
        name="max_rejects",
        kind="-1 or more",
        parse=settings.integer(-1),
        default=0,
        help="how many rejected records a run accepts; one more stops it; -1 for no limit",
    ),
    Setting(
        name="responses",
        kind="file",
        parse=settings.text,
        help="file to which the responses of Invoiced are added, as Singer messages",
    ),
    Setting(
        name="response_webhook",
        kind="URL",
        parse=webhook,
        secret=True,
        help="URL to which each response is posted as JSON, at least once; the file `responses` "
        "keeps those that it does not accept",
    ),
    Setting(
        name="report",
        kind="file",
        parse=settings.text,
        help="JSON file with the number of records by stream and outcome",
    ),
    Setting(
        name="time_zone",
        kind="name of a time zone",
        parse=time_zone,
        help="IANA name of the account's time zone, such as America/Chicago, in which a date "
        "without a time starts; by default such a date is noon UTC",
    ),
    Setting(
        name="allow_card_like",
        kind="list of names",
        parse=names,
        default=frozenset(),
        help="attributes whose values may look like card numbers",
    ),
    Setting(
        name="allow_side_effects",
        kind="list of names",
        parse=side_effects,
        default=frozenset(),
        help="effects on a customer or a card that are allowed: "
        + ", ".join(f"`{effect.value}`" for effect in SideEffect),
    ),
)


def target_settings(config: Mapping[str, Any], environ: Mapping[str, str]) -> TargetSettings:
    """The settings of a run, from the config and the environment.

    Raises:
        InvalidInputError: if one cannot be used, or there is no credential.
    """
    values = read_settings(TARGET_SETTINGS, config, "TARGET_INVOICED", environ)
    ids, limit, zone = Ids(values["ids"]), values["mirror_limit"], values["time_zone"]
    streams = {
        name: _stream(name, given, ids, zone, limit) for name, given in values["streams"].items()
    }
    external = ids is Ids.EXTERNAL or any(one.ids is Ids.EXTERNAL for one in streams.values())
    if external and values["ledger"] is None:
        raise InvalidInputError(
            "setting `ledger` is none, but keys of other systems (`ids`: external) have to be "
            "remembered. Give the URL of a database, or leave the setting out."
        )
    if values["response_webhook"] and not values["responses"]:
        raise InvalidInputError(
            "setting `response_webhook` needs `responses`: the file for answers that the webhook "
            "does not take."
        )
    return TargetSettings(
        connection=connection_from(values),
        streams=streams,
        ids=ids,
        skip_unknown_streams=values["unknown_streams"] == "skip",
        ledger=values["ledger"],
        account=values["account"],
        pipeline=values["pipeline"],
        rejects=values["rejects"],
        max_rejects=None if values["max_rejects"] == -1 else values["max_rejects"],
        responses=values["responses"],
        response_webhook=values["response_webhook"],
        report=values["report"],
        allow_card_like=values["allow_card_like"],
        allow_side_effects=values["allow_side_effects"],
        time_zone=zone,
    )


def _stream(
    name: str,
    given: Any,
    ids: Ids,
    zone: ZoneInfo | None = None,
    mirror_limit: int = DEFAULT_MIRROR_LIMIT,
) -> StreamSettings:
    """One entry of `streams`, checked key by key."""
    try:
        if not isinstance(given, dict):
            raise StreamSettingError('must be an object such as {"endpoint": "customers"}')
        if "method" in given or "path" in given:
            return _call(given, ids)
        return replace(_endpoint(name, given, ids, mirror_limit), time_zone=zone)
    except StreamSettingError as wrong:
        raise InvalidInputError(
            f"setting `streams`: `{name}` {wrong}. Correct it and start again."
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
