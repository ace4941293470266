"""The account on a port: uvicorn, in a thread that starts and ends with a `with` block."""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from types import TracebackType

import uvicorn

from invoiced_emulator.http.api import Api
from invoiced_emulator.http.app import BeforeRequest, EmulatorApp, RequestLogEntry, Stats
from invoiced_emulator.http.faults import Faults
from invoiced_emulator.store.account import Account


class Server:
    """An account on 127.0.0.1, served by a thread from `with` to its end.

    Example:
        with Server(Account(), latency_s=0.05) as server:
            print(server.url)

    Attributes:
        account: what is served; a test may change it while it is served.
        port: where it listens. 0 picks a free port, which is known inside `with`.
    """

    def __init__(
        self,
        account: Account,
        port: int = 0,
        latency_s: float = 0.0,
        before_request: BeforeRequest | None = None,
        faults: Faults | None = None,
    ) -> None:
        """Prepare a server; `with` starts it.

        Args:
            account: what to serve.
            port: where to listen; 0 for a free port. `with` raises OSError if it is taken.
            latency_s: seconds that every response is held back after its request was executed.
            before_request: called on the event loop before each request is handled, with the
                account, the number of the request (from 1), its method and its path.
            faults: requests that fail.
        """
        self.account = account
        self.port = port
        self._app = EmulatorApp(Api(account), latency_s, before_request, faults)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The root of the API, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stats(self) -> Stats:
        """What was counted so far."""
        return self._app.stats

    @property
    def requests(self) -> deque[RequestLogEntry]:
        """The latest 100,000 requests, oldest first."""
        return self._app.request_log

    def __enter__(self) -> "Server":
        self._socket = _listening(self.port)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="invoiced-emulator", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        config = uvicorn.Config(
            self._app,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            date_header=False,
            server_header=False,
            timeout_keep_alive=75,
            backlog=1024,
        )
        factory = config.get_loop_factory() or asyncio.new_event_loop
        self._loop = factory()
        try:
            self._loop.run_until_complete(self._serve(config))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for us
            self._failure = error
        finally:
            self._loop.close()
            self._socket.close()
            self._ready.set()

    async def _serve(self, config: uvicorn.Config) -> None:
        self._stop = asyncio.Event()
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[self._socket])
        self._ready.set()
        await self._stop.wait()
        # uvicorn's own shutdown waits for a tick of its clock and for idle clients.
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        tasks = list(server.server_state.tasks)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        while server.server_state.connections:
            await asyncio.sleep(0)


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
