"""Which write goes next, and under which idempotency key.

dependencies   which write waits for which
queue          the writes that may be sent
parking        records that wait for the object that they refer to
mirror         what ACTIVATE_VERSION removes
requests       the request of a record, as the journal holds it
dispatcher     from the queue to the workers
"""

__all__: list[str] = []
