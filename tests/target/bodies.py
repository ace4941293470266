"""What a record of a stream becomes, for tables of cases."""

import pytest

from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.operations import Create, Update
from target_invoiced.stream_settings import EndpointStream


def plan(stream, record, allow=(), **settings):
    to = EndpointStream(resource=BY_NAME[stream], **settings)
    return EndpointMapper(to, frozenset(allow), frozenset()).operation(record, None)


def created(stream, **record):
    intent = plan(stream, record)
    assert isinstance(intent, Create)
    return intent.body


def updated(stream, **record):
    intent = plan(stream, {"id": 5, **record})
    assert isinstance(intent, Update)
    return intent.body


def refusal(stream, allow=(), **record):
    with pytest.raises(InvalidRecordError) as caught:
        plan(stream, record, allow)
    return str(caught.value)
