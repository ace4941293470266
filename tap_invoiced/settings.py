"""The tap's settings, parsed once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from invoiced_api import settings
from invoiced_api.connection import CONNECTION_SETTINGS, Connection, connection_from
from invoiced_api.settings import Setting, read_settings
from invoiced_api.timestamps import to_seconds
from singer_command.logs import LOG_FORMAT

YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TapSettings:
    """The settings of one run.

    Attributes:
        connection: the account and how to reach it.
        start_date: UNIX second from which a stream without a bookmark is read.
        since_last_year: whether `start_date` was not set.
        page_size: rows per page, 1 to 100.
        lookback_seconds: how far before its bookmark a stream is read again.
        capture_deletes: whether deleted objects are emitted.
        children_sweep_days: how many days pass between sweeps over the children of all parents; 0
            if each run reads them all.
        verify: whether each stream is counted after it was read.
        extra_columns: whether attributes without a column are kept in EXTRA.
        stop_on_bad_value: whether a value that its column cannot hold ends the stream.
        account: its name in the database of states; None if it is not set.
        pipeline: its name in the database of states.
    """

    connection: Connection
    start_date: int
    since_last_year: bool
    page_size: int
    lookback_seconds: int
    capture_deletes: bool
    children_sweep_days: int
    verify: bool
    extra_columns: bool
    stop_on_bad_value: bool
    account: str | None
    pipeline: str


def _past_moment(clock: Callable[[], float]) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        expectation = "an RFC 3339 date or date-time, such as 2026-01-31 or 2026-01-31T00:00:00Z"
        if not isinstance(value, str):
            raise ValueError(expectation)
        try:
            moment = to_seconds(value.strip())
        except ValueError:
            raise ValueError(expectation) from None
        if moment > clock():
            raise ValueError("a moment in the past")
        return moment

    return parse


EXTRA_COLUMNS = Setting(
    name="extra_columns",
    kind="boolean",
    parse=settings.boolean,
    default=False,
    help="whether attributes without a column are emitted in the column `_extra`, an object; "
    "otherwise the tap drops them with a warning",
)


# All but those of the connection and `start_date`.
OWN_SETTINGS = (
    Setting(
        name="page_size",
        kind="1-100",
        parse=settings.integer(1, 100),
        default=100,
        help="objects per request",
    ),
    Setting(
        name="lookback_seconds",
        kind="seconds",
        parse=settings.integer(0),
        default=60,
        help="overlap with the previous run, to emit changes that Invoiced commits late",
    ),
    Setting(
        name="capture_deletes",
        kind="boolean",
        parse=settings.boolean,
        default=False,
        help="whether deleted and merged objects are emitted, with `_sdc_deleted_at`",
    ),
    Setting(
        name="children_sweep_days",
        kind="days",
        parse=settings.integer(0),
        default=7,
        help="how many days pass until child streams, such as `contacts`, are read for all "
        "parents again; other runs read them for changed parents; 0 reads all in every run",
    ),
    Setting(
        name="verify",
        kind="boolean",
        parse=settings.boolean,
        default=False,
        help="whether each incremental stream is counted again after it was read; a missing "
        "object is an error",
    ),
    Setting(
        name="on_bad_value",
        kind='"null" or "stop"',
        parse=settings.one_of(("null", "stop")),
        default="null",
        help="what happens to a value that its column cannot hold: it becomes null with a "
        "warning, or its stream fails",
    ),
    EXTRA_COLUMNS,
    Setting(
        name="account",
        kind="name",
        parse=settings.text,
        help="the account's name in the database that `--state` names, where each account and "
        "pipeline has a state of its own; needed only there",
    ),
    Setting(
        name="pipeline",
        kind="name",
        parse=settings.text,
        default="default",
        help="the pipeline's name in the database that `--state` names, if several read one "
        "account",
    ),
)


def setting_table(clock: Callable[[], float] = time.time) -> tuple[Setting, ...]:
    """The settings of the tap, those of the connection first.

    Args:
        clock: in UNIX seconds; the default of `start_date` follows it.
    """
    return (
        *CONNECTION_SETTINGS,
        LOG_FORMAT,
        Setting(
            name="start_date",
            kind="date or date-time",
            parse=_past_moment(clock),
            help="the first run of a stream reads everything updated since then; RFC 3339, in UTC "
            "unless it has an offset; by default the last 365 days",
        ),
        *OWN_SETTINGS,
    )


def keeps_extra_columns(config: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """The setting `extra_columns` alone, for discovery, which needs no credentials.

    Raises:
        InvalidInputError: if it is no boolean.
    """
    return bool(read_settings((EXTRA_COLUMNS,), config, "TAP_INVOICED", environ)["extra_columns"])


def tap_settings(
    config: Mapping[str, Any],
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> TapSettings:
    """The settings of a run, from the config and the environment.

    Raises:
        InvalidInputError: if one cannot be used, or there is no credential.
    """
    values = read_settings(setting_table(clock), config, "TAP_INVOICED", environ)
    start_date = values["start_date"]
    return TapSettings(
        connection=connection_from(values),
        start_date=int(clock()) - YEAR_S if start_date is None else start_date,
        since_last_year=start_date is None,
        page_size=values["page_size"],
        lookback_seconds=values["lookback_seconds"],
        capture_deletes=values["capture_deletes"],
        children_sweep_days=values["children_sweep_days"],
        verify=values["verify"],
        extra_columns=values["extra_columns"],
        stop_on_bad_value=values["on_bad_value"] == "stop",
        account=values["account"],
        pipeline=values["pipeline"],
    )
