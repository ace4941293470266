"""How the account is served.

server       the server and its thread
app          what happens before and after a request is executed: limits, latency, faults
api          from a request to a response
exchange     one request, and the forms of responses
listing      pages, filters and counts
validation   the checks of a body
faults       failures of the network and of proxies, on request
untidy       responses like those of a PHP server
"""

__all__: list[str] = []
