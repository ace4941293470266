"""Carries out the arguments of `tap-invoiced`: discover, check, describe, or run."""

import argparse
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from orjson import dumps

from invoiced_api.access import check_access
from invoiced_api.client import Client
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.resources import RESOURCES
from invoiced_api.settings import warn_of_unknown
from invoiced_api.timestamps import to_rfc_3339
from singer_command.about import about
from singer_command.exit_codes import exit_code
from singer_command.files import is_url, read_config, read_json
from singer_command.logs import chosen_format, log_to_stderr
from singer_command.memory import release_large_blocks
from singer_command.shared_settings import TARGET_SETTINGS
from singer_command.signals import Signals
from singer_command.stdout import Stdout
from tap_invoiced import DESCRIPTION, discovery
from tap_invoiced.bookmarks import bookmark
from tap_invoiced.messages import Messages
from tap_invoiced.progress import closing_table, shown_progress
from tap_invoiced.selection import SelectedStream, selected_streams
from tap_invoiced.settings import (
    TapSettings,
    keeps_extra_columns,
    setting_table,
    tap_settings,
)
from tap_invoiced.state_file import checked_state
from tap_invoiced.sync import Sync

LOGGER = logging.getLogger(__name__)

CAPABILITIES = ("about", "catalog", "discover", "properties", "state", "structured-logging")

# So many streams are not named one by one.
MANY = 7


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out the arguments; returns the exit code.

    Args:
        options: the parsed arguments.
        environ: environment variables.
    """
    return exit_code(lambda: _run(options, environ))


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    # Neither a catalog nor rows hold cycles, and looking for them often takes a third of the time.
    gc.set_threshold(100_000, 50, 1_000)
    log_to_stderr(environ, ())
    signals = Signals(grace_s=4)  # the run ends within five seconds, read or not
    signals.install()
    stdout = Stdout(signals)
    if options.about:
        table, names = setting_table(), [resource.name for resource in RESOURCES]
        shown = about("tap-invoiced", DESCRIPTION, table, CAPABILITIES, names, options.about)
        stdout.write(f"{shown}\n".encode())
        return 0
    if options.discover:
        extra_columns = keeps_extra_columns(read_config(options.config or ()), environ)
        stdout.write(_pretty(discovery.catalog(extra_columns=extra_columns)))
        return 0
    config = read_config(options.config)
    log_format = chosen_format(config, "TAP_INVOICED", environ)
    log_to_stderr(environ, (), log_format)
    # Before the settings are read, since a misspelt name may be the one that is missing.
    warn_of_unknown(setting_table(), config, "TAP_INVOICED", environ, shared=TARGET_SETTINGS)
    settings = tap_settings(config, environ)
    log_to_stderr(environ, (*settings.connection.secrets, _password(options.state)), log_format)
    if options.check:
        for line in check_access(settings.connection):
            stdout.write(f"{line}\n".encode())
        return 0
    _read(options, settings, stdout)
    return 0


def _read(options: argparse.Namespace, settings: TapSettings, stdout: Stdout) -> None:
    """Reads the selected streams. Raises what ends the run, or the failures of streams."""
    with Client(settings.connection, warns_of_clocks=True) as client:
        streams = selected_streams(
            read_json(options.catalog, "catalog") if options.catalog else None,
            extra_columns=settings.extra_columns,
        )
        given = _given_state(options.state, settings) if options.state else {}
        state = checked_state(given, int(time.time()))
        if not streams:
            LOGGER.warning(
                "no stream is selected in %s, so nothing is read. Select streams in the catalog.",
                options.catalog,
            )
        new = _new_among(streams, state)
        if new and settings.since_last_year:
            _warn_of_start(new, settings.start_date)
        release_large_blocks()
        with shown_progress() as progress:
            sync = Sync(client, settings, Messages(stdout.write), state, progress)
            sync.run(streams)
        closing_table(sync.reports)
        sync.failed.raise_if_any(len(streams))


def _password(place: str | None) -> str | None:
    """The password within `--state`, if that is the URL of a database."""
    if place is None or not is_url(place):
        return None
    from singer_command.database import password_of  # slow to import, and seldom needed

    return password_of(place)


def _given_state(place: str, settings: TapSettings) -> Any:
    """The content of a state file, or of the account's row in a database; {} if there is none."""
    if not is_url(place):
        return read_json(place, "state")
    if settings.account is None:
        raise InvalidInputError(
            "setting `account` is missing: --state names a database, in which each account has a "
            "state of its own. Give the account a name."
        )
    from singer_command.states import StateStore  # slow to import, and seldom needed

    saved = StateStore(place).get(settings.account, settings.pipeline)
    whose = f"account `{settings.account}`, pipeline `{settings.pipeline}`"
    if saved is None:
        LOGGER.info("no state is saved for %s: this is its first run", whose)
        return {}
    LOGGER.info("resuming %s from the state of %s", whose, to_rfc_3339(saved.saved_at))
    return saved.state


def _new_among(streams: Sequence[SelectedStream], state: dict[str, Any]) -> list[str]:
    """The streams that were never read before."""
    return [
        stream.name
        for stream in streams
        if bookmark(state, stream.name, stream.resource.replication_key) is None
    ]


def _warn_of_start(new: Sequence[str], start_date: int) -> None:
    LOGGER.warning(
        "no `start_date`: the first run of %s reads only objects updated since %s, which may "
        "refer to older objects. Set `start_date` to read all.",
        ", ".join(new) if len(new) < MANY else f"{len(new)} streams",
        to_rfc_3339(start_date),
    )


def _pretty(catalog: Mapping[str, Any]) -> bytes:
    """JSON with a line per field, so that it can be read, edited and compared."""
    streams = []
    for entry in catalog["streams"]:
        properties = entry["schema"]["properties"].items()
        fields = [b"%b: %b" % (dumps(name), dumps(field)) for name, field in properties]
        schema = b'{"type": "object", "properties": {\n      %b\n    }}' % b",\n      ".join(fields)
        marks = b"[\n      %b\n    ]" % b",\n      ".join(map(dumps, entry["metadata"]))
        shown = {"schema": schema, "metadata": marks}
        lines = [b"%b: %b" % (dumps(key), shown.get(key) or dumps(entry[key])) for key in entry]
        streams.append(b"{\n    %b\n  }" % b",\n    ".join(lines))
    return b'{"streams": [\n  %b\n]}\n' % b",\n  ".join(streams)
