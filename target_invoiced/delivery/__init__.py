"""From an operation to HTTP requests, and from their responses to an outcome.

writer       carries out one write
removals     deletes, voids or cancels an object
call_sender  sends a call of the user's own
senders      sends a request, or sends and prints it
dry_run      prints a request, and remembers what it would have changed
lookup       finds objects by natural key
comparison   an object as Invoiced shows it, beside a record
recovery     whether a create without a response was carried out
workers      the threads that carry out writes
account      which account the credentials belong to
"""

__all__: list[str] = []
