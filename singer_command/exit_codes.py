"""The end of a command: its exit code, and one line about a failure."""

import logging
import signal
from collections.abc import Callable

from invoiced_api.exceptions import InvalidInputError, InvoicedError
from singer_command.exceptions import RunInterruptedError, StdoutClosedError
from singer_command.signals import ignore_signals

LOGGER = logging.getLogger(__name__)


def exit_code(run: Callable[[], int]) -> int:
    """Run a command and return its exit code; log one CRITICAL line if it fails.

    Args:
        run: does the work, and returns the exit code of a success.

    Returns:
        What `run` returned, 1 after a failure, or 128 plus the number of the signal that ended it.
    """
    try:
        try:
            return run()
        finally:
            ignore_signals()
    except (InvalidInputError, InvoicedError) as error:
        LOGGER.critical("%s", error)
    except StdoutClosedError:
        LOGGER.critical(
            "stdout was closed by the command that reads it. Look at the log of that command. "
            "The next run continues from the last state that it received."
        )
    except RunInterruptedError as stop:
        LOGGER.critical("stopped by %s", signal.Signals(stop.signum).name)
        return 128 + stop.signum
    except Exception as error:  # the last resort of the command
        LOGGER.debug("traceback of the failure", exc_info=True)
        LOGGER.critical(
            "failed unexpectedly (%s: %s). Run again with LOGLEVEL=DEBUG and report the log.",
            type(error).__name__,
            error,
        )
    return 1
