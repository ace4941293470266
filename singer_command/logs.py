"""Logs on stderr: lines of text for people, JSON lines for orchestrators."""

import logging
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.redact import Redaction
from invoiced_api.settings import Setting, one_of, read_settings

APP_NAME = "singer-invoiced"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
OTHER_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG", "NOTSET": "DEBUG"}

LOG_FORMAT = Setting(
    name="log_format",
    kind='"text" or "json"',
    parse=one_of(("text", "json")),
    help="format of the log lines on stderr; by default text, or the format that Meltano requests",
)


class OneLine(logging.Formatter):
    """Writes a message in one line, whatever line breaks it quotes. A traceback keeps its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """The message without line breaks."""
        return " ".join(super().formatMessage(record).splitlines())


class JsonLine(logging.Formatter):
    """Writes a message as one JSON object, in the form that Meltano reads from plugins.

    Source: the capability `structured-logging`,
    https://sdk.meltano.com/en/latest/implementation/logging.html
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one JSON object."""
        message = " ".join(record.getMessage().splitlines())
        line = {
            "level": record.levelname.lower(),
            "pid": record.process,
            "logger_name": record.name,
            "ts": record.created,
            "thread_name": record.threadName,
            "app_name": APP_NAME,
            "message": f"{message}\n{record.exc_text}" if record.exc_text else message,
        }
        return orjson.dumps(line).decode()


def chosen_format(config: Mapping[str, Any], prefix: str, environ: Mapping[str, str]) -> str | None:
    """The setting `log_format`, read before all others; None if it is not set.

    Raises:
        InvalidInputError: if it is neither "text" nor "json".
    """
    found = read_settings([LOG_FORMAT], config, prefix, environ)["log_format"]
    return None if found is None else str(found)


def log_to_stderr(
    environ: Mapping[str, str],
    secrets: Iterable[str | None],
    log_format: str | None = None,
) -> None:
    """Send the log to stderr, with secrets and card numbers hidden.

    The level is that of LOGLEVEL, else Meltano's, else INFO. JSON lines include Python's warnings.
    Call it after `singer` is imported, which configures logging for itself.

    Args:
        environ: environment variables.
        secrets: values that no line may show.
        log_format: "text" or "json"; None for the format that Meltano requests, else text.

    Raises:
        InvalidInputError: if LOGLEVEL is no level.
    """
    asked = _asked_by_meltano(environ)
    level = _level_of(environ.get("LOGLEVEL") or _level(asked) or "INFO")
    as_json = (log_format or ("json" if _wants_json(asked) else "text")) == "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if as_json else OneLine("%(levelname)s %(message)s"))
    handler.addFilter(Redaction(secrets))
    logging.captureWarnings(as_json)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _level_of(written: str) -> str | int:
    """A level of `logging`, by name in any case, by another name of it, or by number."""
    name = written.strip().upper()
    if name.isdecimal():
        return int(name)
    level = OTHER_NAMES.get(name, name)
    if level not in LEVELS:
        raise InvalidInputError(
            f"LOGLEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {written}."
        )
    return level


def logs_are_json() -> bool:
    """Whether log lines are JSON."""
    return any(isinstance(one.formatter, JsonLine) for one in logging.getLogger().handlers)


def _asked_by_meltano(environ: Mapping[str, str]) -> dict[str, Any]:
    """The logging configuration that Meltano writes for each plugin; empty if there is none.

    It speaks of classes of Meltano's SDK, so that only what it means can be followed:
    https://sdk.meltano.com/en/latest/implementation/logging.html
    """
    try:
        content = orjson.loads(Path(environ["SINGER_SDK_LOG_CONFIG"]).read_bytes())
    except (KeyError, OSError, orjson.JSONDecodeError):
        return {}  # written for others than us: no reason to complain
    return content if isinstance(content, dict) else {}


def _wants_json(asked: Mapping[str, Any]) -> bool:
    formatters = asked.get("formatters")
    return isinstance(formatters, dict) and any(
        isinstance(one, dict) and str(one.get("()", "")).endswith(".StructuredFormatter")
        for one in formatters.values()
    )


def _level(asked: Mapping[str, Any]) -> str | None:
    root = asked.get("root")
    level = root.get("level") if isinstance(root, dict) else None
    return level if level in LEVELS else None
