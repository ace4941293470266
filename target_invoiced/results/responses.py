"""Responses of Invoiced, kept in a file or sent to a webhook."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import orjson

from invoiced_api.exceptions import InvoicedError, RecordRejectedError
from target_invoiced import exact_json
from target_invoiced.ledger import Ledger
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.outcomes import Done, Outcome
from target_invoiced.results.message_file import MessageFile

LOGGER = logging.getLogger(__name__)

SCHEMA = {
    "type": "object",
    "properties": {
        "key": {"type": ["object", "null"]},
        "operation": {"type": "string"},
        "id": {"type": ["integer", "string", "null"]},
        "status": {"type": ["integer", "null"]},
        "object": {"type": ["object", "null"]},
        "undelivered": {"type": ["string", "null"]},
    },
}
# How many answers are taken from the ledger at once.
PER_DELIVERY = 100
# How often a run that waits for its webhook looks whether it is still to wait.
LOOK_EVERY_S = 0.1


def response_record(stream: str, key: Mapping[str, Any], outcome: Done) -> dict[str, Any]:
    """The record of a response: key, operation, Invoiced's id, status, and the returned object."""
    returned = outcome.answer if isinstance(outcome.answer, (dict, list)) else None
    return {
        "stream": f"{stream}_responses",
        "record": {
            "key": without_card_numbers(dict(key)) or None,
            "operation": outcome.kind.value,
            "id": outcome.id,
            "status": outcome.status,
            "object": without_card_numbers(returned),
        },
    }


class ResponseFile:
    """Appends responses to a file, as Singer messages.

    Args:
        path: of the file.

    Raises:
        InvalidInputError: from every method, if the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._file = MessageFile(path, "responses")

    def add(self, answer: dict[str, Any]) -> None:
        """Add a response."""
        self._file.add(answer["stream"], SCHEMA, [], {"record": answer["record"]})

    def flush(self) -> None:
        """Make additions outlive the run."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(slots=True)
class ResponseSink:
    """Sends responses to the file, or by way of the ledger to the webhook if there is one.

    Attributes:
        file: of responses.
        enqueue: buffers a response for the webhook, to be committed with the outcome of its record.
        webhook: None if there is none.
    """

    file: ResponseFile
    enqueue: Callable[[bytes], None]
    webhook: "Webhook | None"

    def add(self, stream: str, key: Mapping[str, Any], outcome: Outcome) -> None:
        """Add the response of an outcome, if it has one."""
        if not isinstance(outcome, Done) or outcome.status is None:
            return
        response = response_record(stream, key, outcome)
        if self.webhook:
            self.enqueue(exact_json.dumps(response))
        else:
            self.file.add(response)

    def committed(self) -> None:
        """Note that the ledger has the responses. Raises InvalidInputError if one is lost."""
        if self.webhook:
            self.webhook.wake()
        else:
            self.file.flush()

    def close(self, *, wait: Callable[[], bool]) -> None:
        """Deliver what is left; what the run does not wait for is left to the next one.

        Args:
            wait: whether the run still waits; called again and again.

        Raises:
            InvalidInputError: if a response cannot be kept.
        """
        if self.webhook:
            self.webhook.finish(wait)
        else:
            self.file.close()


class Webhook:
    """Sends responses to the webhook in order, one after the other, in its own thread.

    Args:
        ledger: has the responses.
        file: keeps responses that the webhook did not accept.
        post: sends one; raises InvoicedError if the webhook did not accept it.

    Raises:
        InvalidInputError: from `wake` and `finish`, if the file or the ledger cannot be written.
    """

    def __init__(self, ledger: Ledger, file: ResponseFile, post: Callable[[bytes], Any]) -> None:
        self._ledger, self._file, self._post = ledger, file, post
        self._news, self._over, self._abandoned = Event(), False, False
        self._failure: Exception | None = None
        self._news.set()  # what an earlier run still owes
        self._thread = Thread(target=self._run, daemon=True, name="webhook")
        self._thread.start()

    def wake(self) -> None:
        """Note that responses were added."""
        self._raise_failure()
        self._news.set()

    def finish(self, wait: Callable[[], bool]) -> None:
        """Deliver what is left while `wait` returns true; the rest is left to the next run."""
        while wait():
            self._over = True
            self._news.set()
            self._thread.join(LOOK_EVERY_S)
            if not self._thread.is_alive():
                self._raise_failure()
                return
        self._abandoned = True

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            self._deliver_all()
        except Exception as failure:  # noqa: BLE001  # raised by the thread that asks
            self._failure = failure

    def _deliver_all(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            over = self._over
            while owed := self._ledger.outbox.pending(PER_DELIVERY):
                for number, answer in owed:
                    answered = self._deliver(answer)
                    if self._abandoned:
                        return  # the next run delivers it
                    self._ledger.outbox.acknowledge(number)
                    if self._over and not answered:
                        return  # nor does it wait for a webhook that does not answer
            if over:
                return

    def _deliver(self, answer: bytes) -> bool:
        """Whether the webhook answered at all. What it did not take is in the file."""
        try:
            self._post(answer)
        except InvoicedError as failure:
            if self._abandoned:
                return False
            # What else the failure says holds the address, which may be a secret.
            status = failure.status if isinstance(failure, RecordRejectedError) else None
            why = f"refused ({status})" if status else "no reply"
            LOGGER.warning(
                "response_webhook did not accept a response (%s); saved to the `responses` file",
                why,
            )
            content = orjson.loads(answer)
            content["record"]["undelivered"] = why
            self._file.add(content)
            self._file.flush()
            return status is not None
        return True
