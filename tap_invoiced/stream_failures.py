"""Which failures end the run, and which end only the stream that they hit. Decisions only.

A failure ends the run

- if no request can succeed: 401, 402, an untrusted certificate, a refusing proxy (`FatalError`),
- if nobody reads the messages: stdout is closed or cannot be written,
- if a signal asks for it (`RunInterruptedError`, which is no `Exception`),
- if the network or Invoiced fails for all. There are two such cases. No connection was made for
  as long as requests are repeated, and no request of any stream succeeded in that time. Or two
  streams in a row kept failing without an answer of use, and no request succeeded since the first
  of them began to fail.

Every other failure, expected or not, ends its own stream: another list may well be readable.
"""

from dataclasses import dataclass, field

from invoiced_api.exceptions import FatalError, InvalidInputError, InvoicedError, RetryableError
from singer_command.exceptions import StdoutClosedError
from tap_invoiced.exceptions import StreamsFailedError

# Failures that hit every stream alike.
RUN_FAILURES = (FatalError, InvalidInputError, StdoutClosedError)


@dataclass(slots=True)
class OutageDetector:
    """Distinguishes an outage from one list that keeps failing.

    Moments are of the monotonic clock, in seconds.
    """

    _since: float | None = None

    def is_outage(
        self, failure: Exception, failing_since: float, last_success_at: float | None
    ) -> bool:
        """Whether a stream's failure shows that no other stream could be read either.

        Args:
            failure: what ended the stream.
            failing_since: when its requests began to fail.
            last_success_at: when a request of any stream last succeeded.
        """
        if not isinstance(failure, RetryableError):
            return False

        def silent_since(moment: float) -> bool:
            return last_success_at is None or last_success_at < moment

        if not silent_since(failing_since):
            self._since = None
            return False
        if failure.unreachable or (self._since is not None and silent_since(self._since)):
            return True
        self._since = failing_since
        return False


@dataclass(slots=True)
class FailedStreams:
    """The streams of a run that could not be read.

    Attributes:
        reasons: why, by stream.
    """

    reasons: dict[str, str] = field(default_factory=dict)

    def raise_if_any(self, streams: int) -> None:
        """Raise if a stream failed.

        Args:
            streams: how many the run had.

        Raises:
            StreamsFailedError: names the streams that failed.
        """
        if not self.reasons:
            return
        names = ", ".join(self.reasons)
        first, reason = next(iter(self.reasons.items()))
        others = "; the others are complete" if len(self.reasons) < streams else ""
        raise StreamsFailedError(
            f"{len(self.reasons)} of {streams} streams failed ({names}){others}. {first}: {reason} "
            "The next run continues each stream from its bookmark."
        )


def reason_of(failure: Exception) -> str:
    """What failed and what to do, in whole sentences."""
    if isinstance(failure, InvoicedError):
        return f"{str(failure).rstrip('.')}."
    return (
        f"{type(failure).__name__}: {str(failure).rstrip('.')}. This is a defect of tap-invoiced: "
        "run again with LOGLEVEL=DEBUG and report the traceback."
    )
