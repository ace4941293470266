"""The bound on requests in flight."""

from threading import BoundedSemaphore

# Invoiced answers the 21st request at once under one API key with 429.
MOST_CONNECTIONS = 20


class Gate(BoundedSemaphore):
    """Held (`with gate:`) while a request is under way; at most `connections` hold it at once."""

    def __init__(self, connections: int) -> None:
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise ValueError(f"1 to {MOST_CONNECTIONS} connections, not {connections}")
        super().__init__(connections)
