"""Carries out the arguments of `singer-invoiced`."""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping

import orjson

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.timestamps import to_rfc_3339
from singer_command.database import database_url, password_of
from singer_command.exceptions import RunInterruptedError
from singer_command.exit_codes import exit_code
from singer_command.files import read_json
from singer_command.logs import log_to_stderr
from singer_command.signals import Signals
from singer_command.states import SavedState, StateStore
from singer_command.stdout import Stdout
from singer_invoiced.state_saver import StateSaver, state_of

LOGGER = logging.getLogger(__name__)

# How long a target may go on printing after the signal that stops the pipeline.
GRACE_S = 10.0
STDIN = "-"

Write = Callable[[bytes], None]


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The exit code."""
    return exit_code(lambda: _run(options, environ))


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    log_to_stderr(environ, ())
    try:
        secret = password_of(database_url(options.url))
    except ValueError as error:
        raise InvalidInputError(f"URL must be {error}.") from None
    log_to_stderr(environ, (secret,))
    signals = Signals(grace_s=GRACE_S)
    if options.action == "save":
        return _save(options, signals)
    signals.install()
    store = StateStore(options.url)
    if store.missing_file and options.action != "set":
        raise InvalidInputError(
            f"the database of states {store.missing_file.absolute()} does not exist. Check the URL "
            "and the current folder; `state save` and `state set` create it."
        )
    ACTIONS[options.action](store, options, Stdout(signals).write)
    return 0


def _save(options: argparse.Namespace, signals: Signals) -> int:
    """Save until the target's last line, which may come after the signal that stops them both."""

    def stop() -> None:
        raise RunInterruptedError(signals.received or 0)

    signals.on_overdue = stop
    saver = StateSaver(options.url, options.account, options.pipeline)
    signals.install()
    with signals.deferred():
        saver.save_all(sys.stdin.buffer)
    return 0


def _list(store: StateStore, options: argparse.Namespace, write: Write) -> None:
    """One line per state: account, pipeline, time, and the streams that have a bookmark."""
    rows = [("account", "pipeline", "saved at", "bookmarks")]
    for one in store.all():
        bookmarks = one.state.get("bookmarks")
        count = len(bookmarks) if isinstance(bookmarks, dict) else 0
        rows.append((one.account, one.pipeline, to_rfc_3339(one.saved_at), str(count)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        write(f"{'  '.join(cells).rstrip()}\n".encode())


def _show(store: StateStore, options: argparse.Namespace, write: Write) -> None:
    write(_as_line(_found(store.get(options.account, options.pipeline), options)))


def _set(store: StateStore, options: argparse.Namespace, write: Write) -> None:
    if options.file == STDIN:
        content = sys.stdin.buffer.read()
    else:
        content = orjson.dumps(read_json(options.file, "state"))
    state = state_of(content)
    if state is None:
        raise InvalidInputError(
            "the state must be a JSON object that is not empty, such as a target prints. To read "
            "from `start_date` again, use `singer-invoiced state reset`."
        )
    store.save(options.account, options.pipeline, state)


def _reset(store: StateStore, options: argparse.Namespace, write: Write) -> None:
    write(_as_line(_found(store.reset(options.account, options.pipeline), options)))


def _found(saved: SavedState | None, options: argparse.Namespace) -> SavedState:
    if saved is None:
        raise InvalidInputError(
            f"no state is saved for account `{options.account}`, pipeline `{options.pipeline}`. "
            "`singer-invoiced state list` shows the saved states."
        )
    return saved


def _as_line(saved: SavedState) -> bytes:
    return orjson.dumps(saved.state) + b"\n"


ACTIONS: Mapping[str, Callable[[StateStore, argparse.Namespace, Write], None]] = {
    "list": _list,
    "show": _show,
    "set": _set,
    "reset": _reset,
}
