"""The settings of the target, parsed once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from invoiced_api import settings
from invoiced_api.connection import CONNECTION_SETTINGS, Connection, connection_from, url
from invoiced_api.definitions import SideEffect
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import BY_NAME, ENDPOINTS
from invoiced_api.settings import Setting, read_settings, source
from singer_command.database import database_url
from singer_command.logs import LOG_FORMAT
from target_invoiced.stream_settings import (
    DEFAULT_MIRROR_LIMIT,
    EndpointStream,
    Ids,
    StreamSettings,
    names,
    percent,
    stream_settings,
)

NO_LEDGER = "none"


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
        name: stream_settings(name, given, ids, zone, limit, source(config, "streams"))
        for name, given in values["streams"].items()
    }
    external = ids is Ids.EXTERNAL or any(one.ids is Ids.EXTERNAL for one in streams.values())
    if external and values["ledger"] is None:
        raise InvalidInputError(
            f"{source(config, 'ledger')} is none, but keys of other systems (`ids`: external) "
            "must be stored. Give the URL of a database, or leave the setting out."
        )
    if values["response_webhook"] and not values["responses"]:
        raise InvalidInputError(
            f"{source(config, 'response_webhook')} needs `responses`: the file for responses that "
            "the webhook does not accept."
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
