"""What both commands share of being a command: files, logging, signals, exit codes."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from invoiced_api import VERSION
from invoiced_api.failures import BadInput, InvoicedError
from invoiced_api.redact import Redaction, hide_card_numbers

LOGGER = logging.getLogger(__name__)

# Columns of a table that goes to a log and not to a screen.
LOG_WIDTH = 140


class StdoutClosed(Exception):
    """Nobody reads our stdout any more."""


class Stopped(BaseException):
    """SIGTERM or SIGINT asks the run to end; raised where nothing is cut in half."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Signals:
    """Turns the first SIGTERM or SIGINT into `Stopped`; later ones change nothing.

    What holds it back is interrupted after `patience_s`, if that is given.
    """

    def __init__(self, patience_s: float | None = None) -> None:
        self._patience_s = patience_s
        self._held = False
        self._received: int | None = None

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, self._receive)
        if self._patience_s:
            signal.signal(signal.SIGALRM, self._lose_patience)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            return
        self._received = signum
        for later in (signal.SIGTERM, signal.SIGINT):
            # An interpreter that is ending takes handlers away, and one more signal would kill it.
            signal.signal(later, signal.SIG_IGN)
        if self._patience_s:
            signal.setitimer(signal.ITIMER_REAL, self._patience_s)
        if not self._held:
            raise Stopped(signum)

    def _lose_patience(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None:
            raise Stopped(self._received)

    @contextmanager
    def held(self) -> Iterator[None]:
        """While inside, a signal waits."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._received is not None:
            raise Stopped(self._received)


class Stdout:
    """The process's stdout, for whole lines only. `print` and libraries get stderr in its place."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._file_number = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def write(self, lines: bytes) -> None:
        """Raises StdoutClosed; a signal that comes meanwhile is raised after the last byte."""
        with self._signals.held():
            view = memoryview(lines)
            try:
                while view:
                    view = view[os.write(self._file_number, view) :]
            except BrokenPipeError:
                raise StdoutClosed from None


class OneLine(logging.Formatter):
    """A message is one line, whatever line breaks it quotes; a traceback keeps its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return " ".join(super().formatMessage(record).splitlines())


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The arguments that both commands have."""
    arguments = argparse.ArgumentParser(prog=name, description=description)
    arguments.add_argument("-c", "--config", metavar="FILE", help="settings, as a JSON object")
    arguments.add_argument(
        "--check", action="store_true", help="try the credentials and tell what they may read"
    )
    arguments.add_argument(
        "--about",
        nargs="?",
        const="json",
        choices=("json", "markdown"),
        help="print settings, capabilities and resources",
    )
    arguments.add_argument("--version", action="version", version=f"{name} {VERSION}")
    return arguments


def log_to_stderr(environ: Mapping[str, str], secrets: Iterable[str | None]) -> None:
    """One line each, from the level in LOGLEVEL (default INFO), secrets and card numbers hidden.

    To be called after `singer` is imported, which configures logging for itself.
    """
    level = environ.get("LOGLEVEL", "INFO").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        raise BadInput(f"LOGLEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {level}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(levelname)s %(message)s"))
    handler.addFilter(Redaction(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def read_json(path: str | Path, what: str) -> Any:
    """The content of a JSON file. Raises BadInput, which names the file and its role."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(
            f"{what} {path} cannot be read: {error.strerror}. Check its path and permissions."
        ) from None
    if not content.strip():
        raise BadInput(f"{what} {path} is empty. Write JSON into it, or leave it out.")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{what} {path} is not JSON: {error}. Correct it and start again.") from None


def read_config(path: str | None) -> dict[str, Any]:
    config = read_json(path, "config") if path else {}
    if not isinstance(config, dict):
        raise BadInput(f"config {path} must hold one JSON object with the settings.")
    return config


def exit_code(run: Callable[[], int]) -> int:
    """What `run` returns, or the code for how it failed, after one CRITICAL line about it."""
    try:
        return run()
    except (BadInput, InvoicedError) as error:
        LOGGER.critical("%s", error)
    except StdoutClosed:
        LOGGER.critical(
            "stdout was closed by the command that reads it: see what it says. "
            "The next run goes on from the last state that arrived there."
        )
    except Stopped as stop:
        LOGGER.critical("stopped by %s", signal.Signals(stop.signum).name)
        return 128 + stop.signum
    except Exception as error:  # the last resort of the command
        LOGGER.debug("traceback of the failure", exc_info=True)
        LOGGER.critical(
            "failed unexpectedly (%s: %s). Run again with LOGLEVEL=DEBUG and report what it shows.",
            type(error).__name__,
            error,
        )
    return 1


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stderr: the first column is a name, the others are numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(hide_card_numbers(str(cell)) for cell in row))
    screen = Console(stderr=True, markup=False, emoji=False)  # names stand as they are
    if not screen.is_terminal:
        screen.width = LOG_WIDTH
    screen.print(table)
