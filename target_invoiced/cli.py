"""Carries out the arguments of `target-invoiced`: describe, check, or run."""

import argparse
import logging
import re
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from urllib.parse import urlsplit

import orjson
from sqlalchemy import make_url

from invoiced_api.access import check_access
from invoiced_api.client import Client
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.request import Request
from invoiced_api.resources import ENDPOINTS
from invoiced_api.settings import warn_of_unknown
from singer_command.about import about
from singer_command.database import password_of, sqlite_file
from singer_command.exit_codes import exit_code
from singer_command.files import read_config
from singer_command.logs import chosen_format, log_to_stderr
from singer_command.shared_settings import TAP_SETTINGS
from singer_command.signals import Signals
from singer_command.stdout import Stdout
from target_invoiced import DESCRIPTION
from target_invoiced.delivery.account import use_account
from target_invoiced.delivery.dry_run import DryRunSender
from target_invoiced.delivery.senders import EchoingSender, Sender
from target_invoiced.delivery.workers import exit_if_busy
from target_invoiced.events import EventQueue
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.database import refuse_unmakeable
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import Report
from target_invoiced.results.responses import ResponseFile, ResponseSink, Webhook
from target_invoiced.run import TargetRun
from target_invoiced.settings import TARGET_SETTINGS, TargetSettings, target_settings

LOGGER = logging.getLogger(__name__)

# How long the webhook may keep failing before an answer goes to the file.
WEBHOOK_TIMEOUT_S = 30.0
# How long a check waits for a ledger that another run uses.
LEDGER_TIMEOUT_S = 1.0

# How long a thread with an answer in hand waits for the one that plans. Python's own 5 ms, several
# times for each request, are much of what a fast account takes to answer.
SWITCH_S = 0.0005

# A run that was asked to stop ends by itself within 4 seconds, unless nobody reads its stdout.
SIGNAL_GRACE_S = 4.5

CAPABILITIES = ("about", "deletes", "schema validation", "structured-logging", "updates")


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out the arguments; returns the exit code.

    Args:
        options: the parsed arguments.
        environ: environment variables.
    """
    code = exit_code(lambda: _run(options, environ))
    exit_if_busy(code)
    return code


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    sys.setswitchinterval(SWITCH_S)
    log_to_stderr(environ, ())
    signals = Signals(grace_s=SIGNAL_GRACE_S)
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
    # Before the settings are read, since a misspelt name may be the one that is missing.
    warn_of_unknown(TARGET_SETTINGS, config, "TARGET_INVOICED", environ, shared=TAP_SETTINGS)
    settings = target_settings(config, environ)
    log_to_stderr(environ, secrets(settings), log_format)
    if options.check:
        for line in _check(settings):
            stdout.write(f"{line}\n".encode())
        return 0
    with ExitStack() as stack:
        client = stack.enter_context(Client(settings.connection))
        lines = stack.enter_context(_input(options.input))
        _wait_for_input(lines, settings.ledger)
        target_run = _prepare(stack, client, settings, stdout.write, options)
        if target_run.rejects:
            target_run.rejects.refuse_as_input(lines)
        target_run.events.listen_for_signals(signals.start_grace_period)
        target_run.run(lines.fileno())
        _log_summary(target_run)
    return 0


def _check(settings: TargetSettings) -> Iterator[str]:
    """Check the account and the ledger without writing. Raises InvalidInputError."""
    yield from check_access(settings.connection)
    if settings.ledger:
        yield f"ledger: {_checked(settings.ledger)}"
    yield "write access is not checked: --test writes one record of each stream"


def _checked(ledger: str) -> str:
    """A ledger that does not exist is left to the first run, which reports it."""
    file = sqlite_file(ledger)
    if file and not file.exists():
        refuse_unmakeable(file)
        return f"{file} will be created"
    Ledger(ledger, rehearsal=True, busy_s=LEDGER_TIMEOUT_S).close()
    return f"{make_url(ledger).render_as_string(hide_password=True)} is usable"


def secrets(settings: TargetSettings) -> tuple[str | None, ...]:
    """What no log line may show: credentials, and those within URLs."""
    ledger = password_of(settings.ledger) if settings.ledger else None
    hook = settings.response_webhook
    return (*settings.connection.secrets, ledger, hook, hook and _path_and_query(hook))


def _path_and_query(url: str) -> str | None:
    """Path and query, which is what the log of a connection shows of a URL."""
    target = urlsplit(url)._replace(scheme="", netloc="").geturl()
    return target if len(target) > 1 else None


def _prepare(
    stack: ExitStack,
    client: Client,
    settings: TargetSettings,
    write: Callable[[bytes], None],
    options: argparse.Namespace,
) -> TargetRun:
    """Everything a run needs; what is opened for it is closed with the stack."""
    file = sqlite_file(settings.ledger)
    new = file and not file.exists()
    place = settings.ledger
    if new and options.dry_run:
        # A dry run does not even make the file of a new ledger.
        folder = stack.enter_context(TemporaryDirectory(prefix="target-invoiced-"))
        place = f"sqlite:///{folder}/ledger.db"
    ledger = Ledger(place, rehearsal=options.dry_run)
    stack.callback(ledger.close)
    if new and not options.dry_run:
        # One that is looked for in the wrong folder knows nothing of what was written.
        LOGGER.info("creating a new ledger: %s", file)
    use_account(ledger, settings.connection, settings.account)
    sender, unit = Sender(client), UnitOfWork(ledger, time.time, settings.pipeline)
    if options.dry_run:
        settings = replace(settings, responses=None, response_webhook=None)
        sender = DryRunSender(client, write)
    elif options.test:
        sender = EchoingSender(client, write)
    rejects = None
    if settings.rejects and not options.dry_run:
        rejects = Rejects(settings.rejects, settings.allow_card_like)
        stack.callback(rejects.close)
    target_run = TargetRun(
        sender=sender,
        unit=unit,
        settings=settings,
        events=EventQueue(),
        write_state=None if options.dry_run or options.test else write,
        rejects=rejects,
        responses=None if options.dry_run else _responses(settings, unit, stack),
        sample=options.test,
    )
    title = "dry run: nothing was sent" if options.dry_run else None
    stack.callback(_write_report, target_run.report, settings.report, title)
    return target_run


def _responses(settings: TargetSettings, unit: UnitOfWork, stack: ExitStack) -> ResponseSink | None:
    if not settings.responses:
        return None
    file = ResponseFile(settings.responses)
    webhook = None
    if settings.response_webhook:
        host, target = _host_and_target(settings.response_webhook)
        hook = replace(
            settings.connection,
            api_key=None,
            access_token=None,
            base_url=host,
            max_connections=1,
            max_retry_seconds=min(settings.connection.max_retry_seconds, WEBHOOK_TIMEOUT_S),
        )
        client = stack.enter_context(Client(hook, exact_target=target))
        webhook = Webhook(unit.ledger, file, partial(_post, client))
    return ResponseSink(file, unit.enqueue_response, webhook)


def _host_and_target(url: str) -> tuple[str, str]:
    """An address as its scheme and host, and what is sent to the host, byte for byte."""
    found = re.fullmatch(r"(\w+://[^/?]+)(.*)", url)
    assert found  # checked with the settings
    target = found[2]
    return found[1], target if target.startswith("/") else f"/{target}"


def _post(client: Client, answer: bytes) -> None:
    client.send(Request(method="POST", path="/", body=orjson.loads(answer), raw=True))


def _wait_for_input(lines: BinaryIO, ledger: str | None) -> None:
    """Leave an SQLite file unlocked until the first line comes.

    A tap that reads its state from the same file does so before its first line.
    """
    if sqlite_file(ledger) and sys.platform != "win32":  # where only sockets can be waited for
        select.select([lines], [], [])


def _write_report(report: Report, path: str | None, title: str | None) -> None:
    report.show(title)
    if path:
        report.write(path)


def _log_summary(target_run: TargetRun) -> None:
    if target_run.replayed:
        LOGGER.info(
            "%d records without a key were recognised: an earlier run sent them",
            target_run.replayed,
        )
    if target_run.report.rejected:
        where = f"see {target_run.settings.rejects}" if target_run.rejects else "see above"
        LOGGER.warning("%d records were rejected: %s", target_run.report.rejected, where)


@contextmanager
def _input(path: str | None) -> Iterator[BinaryIO]:
    if path is None:
        yield sys.stdin.buffer
        return
    try:
        file = Path(path).open("rb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise InvalidInputError(
            f"input {path} cannot be read: {error.strerror}. Check its path and permissions."
        ) from None
    with file:
        yield file
