"""Reads Singer messages and creates, updates, voids or deletes Invoiced objects.

__main__          the command line
cli               builds a run from arguments and settings
run               the event loop
message_handler   what each message starts
shutdown          how a run ends early
events            the queue of what threads report to the event loop
settings          the settings of the target
stream_settings   the entries of the setting `streams`
exceptions        the tree of exceptions
exact_json        numbers with every digit, in records and files
singer            from a line of stdin to a message
mapping           from a record to an operation
ledger            what is remembered from run to run
records           a record in flight
results           from an outcome to ledger, report, rejects and responses
scheduling        which write goes next, and under which idempotency key
delivery          from an operation to HTTP, and from responses to an outcome
"""

__all__ = ["DESCRIPTION"]

DESCRIPTION = "Reads Singer messages from stdin and writes them to an Invoiced account."
