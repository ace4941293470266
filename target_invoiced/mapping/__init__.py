"""From a record to the operation that it asks for. Pure: no clock, no network, no ledger.

keys           the identities of an object
card_numbers   full card numbers: refused, or hidden where a record is kept
references     the objects that a record refers to
coercion       values as other systems write them
payloads       the body of a write
paths          the path of a write
operations     what a record asks for
outcomes       what became of it
endpoints      records of a stream that writes to an endpoint
custom_calls   records of a stream that defines its own call
side_effects   what reaches a customer or a card
"""

__all__: list[str] = []
