"""What a command says of its work, on stderr."""

import logging
import sys
from collections.abc import Iterable, Mapping

from invoiced_api.failures import BadInput
from invoiced_api.redact import Redaction


class OneLine(logging.Formatter):
    """A message is one line, whatever line breaks it quotes; a traceback keeps its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return " ".join(super().formatMessage(record).splitlines())


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
