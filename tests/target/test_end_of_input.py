"""The end of the input, where a step of it fails."""

from unittest.mock import create_autospec

import pytest

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.message_handler import MessageHandler
from target_invoiced.records.intake import Intake
from target_invoiced.scheduling.mirror import Mirror
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.singer.reader import MessageReader


def test_a_step_that_fails_ends_the_run_and_is_not_tried_again() -> None:
    """A ledger that is lost fails each attempt, so that the run would go round for ever."""
    intake = create_autospec(Intake, instance=True)
    intake.finish.side_effect = InvalidInputError("the connection to the database was lost")
    queue = create_autospec(WriteQueue, instance=True)
    queue.__len__.return_value = 0
    handler = MessageHandler(
        reader=MessageReader(lambda: None),
        intake=intake,
        mirror=create_autospec(Mirror, instance=True),
        parking=create_autospec(ParkedQueue, instance=True),
        queue=queue,
        commit=lambda: None,
        sending=lambda: False,
        sample=False,
    )
    handler.end_input(None)
    with pytest.raises(InvalidInputError, match="was lost"):
        handler.handle_next()
