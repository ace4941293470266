"""A record in flight, and the changes to the ledger that it causes.

record          one record, with the facts that are computed once
intake          from a message to a record that may be written
keyless         records without a key, compared with those of earlier runs
batched_calls   records of custom calls that are sent as one list
key_cache       keys of the ledger, cached until they are written back
parked_buffer   records to be parked and unparked
unit_of_work    buffered changes to the ledger, written in one commit
"""

__all__: list[str] = []
