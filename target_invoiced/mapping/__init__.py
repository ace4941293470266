"""From a record to the operation that it asks for. Pure: no clock, no network, no ledger.

keys           the names of an object: id, natural key, key of another system
identity       the objects that a record changes and refers to
card_numbers   full card numbers: refused, or hidden where a record is kept
references     the objects that a record refers to, and their ids
coercion       values as other systems write them
statuses       what a status of another system means
lost_columns   columns that hold a list in a form that would not be sent
payloads       the body of a write
paths          the path of a write
operations     what a record asks for
outcomes       its outcome
endpoints      records of a stream that writes to an endpoint
custom_calls   records of a stream that defines its own call
side_effects   what reaches a customer or a card
"""

__all__: list[str] = []
