"""What `target-invoiced` does with its arguments."""

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from invoiced_api.access import check_access
from invoiced_api.client import Client
from invoiced_api.failures import BadInput
from invoiced_api.resources import ENDPOINTS
from invoiced_api.settings import warn_of_unknown
from singer_command.about import about
from singer_command.endings import exit_code
from singer_command.files import read_config
from singer_command.logs import chosen_format, log_to_stderr
from singer_command.signals import Signals
from singer_command.stdout import Stdout
from target_invoiced.__main__ import DESCRIPTION
from target_invoiced.load import Load
from target_invoiced.messages import messages
from target_invoiced.rejects import Rejects
from target_invoiced.settings import TARGET_SETTINGS, target_settings

LOGGER = logging.getLogger(__name__)

CAPABILITIES = ("about", "deletes", "schema validation", "structured-logging", "updates")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """The exit code."""
    return exit_code(lambda: _run(options, environ))


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    log_to_stderr(environ, ())
    signals = Signals()
    signals.install()
    stdout = Stdout(signals)
    if options.about:
        shown = about(
            "target-invoiced", DESCRIPTION, TARGET_SETTINGS, CAPABILITIES, ENDPOINTS, options.about
        )
        stdout.write(f"{shown}\n".encode())
        return 0
    config = read_config(options.config)
    log_format = chosen_format(config, "TARGET_INVOICED", environ)
    log_to_stderr(environ, (), log_format)
    settings = target_settings(config, environ)
    log_to_stderr(environ, settings.connection.secrets, log_format)
    warn_of_unknown(TARGET_SETTINGS, config)
    with Client(settings.connection) as client:
        if options.check:
            stdout.write(f"{settings.connection.base_url}\n".encode())
            for line in check_access(client):
                stdout.write(f"{line}\n".encode())
            return 0
        rejects = Rejects(settings.rejects, settings.allow_card_like) if settings.rejects else None
        load = Load(client, settings, signals, stdout.write, rejects)
        try:
            with _input(options.input) as lines:
                if rejects:
                    rejects.refuse_as_input(lines)
                load.run(messages(lines))
        finally:
            if rejects:
                rejects.close()
            load.report.show()
        if load.report.rejected:
            where = f"see {settings.rejects}" if settings.rejects else "see above"
            LOGGER.warning("%d records were rejected: %s", load.report.rejected, where)
    return 0


@contextmanager
def _input(path: str | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise BadInput(f"input {path} cannot be read: {error.strerror}.") from None
    with file:
        yield file
