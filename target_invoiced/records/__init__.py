"""A record in flight, and the changes to the ledger that it causes.

record         one record, with the facts that are computed once
intake         from a message to a record that may be written
unit_of_work   buffered changes to the ledger, written in one commit
"""

__all__: list[str] = []
