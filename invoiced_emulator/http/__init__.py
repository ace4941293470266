"""How the account is served.

server       the server and its thread
api          from a request to a response
listing      pages, filters and counts
validation   the checks of a body
faults       faults on request
"""

__all__: list[str] = []
