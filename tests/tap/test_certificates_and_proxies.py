"""Wrong certificates, proxies and redirects end a run at once, and the error names the remedy."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

TLS = Path(__file__).parents[1] / "tls"
CA = str(TLS / "ca.pem")
CUSTOMER = {"id": 7, "name": "Acme", "updated_at": 1_700_000_000}
NOT_AT_ONCE_S = 20


@pytest.fixture(autouse=True)
def no_proxies_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the tests see only the proxies that a test names."""
    for name in ("NO_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextmanager
def account_over_https(host: str) -> Iterator[HTTPServer]:
    """An account with one customer, with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    with HTTPServer(host=host, ssl_context=context) as server:
        headers = {"X-Total-Count": "1"}
        server.expect_request("/customers").respond_with_json([CUSTOMER], headers=headers)
        yield server


@pytest.fixture
def https() -> Iterator[HTTPServer]:
    with account_over_https("localhost") as server:
        yield server


class Proxy(BaseHTTPRequestHandler):
    """Answers CONNECT with `status`; after 200 it relays bytes in both directions."""

    status = 200

    def do_CONNECT(self) -> None:  # http.server's own name
        self.server.seen.append(self.headers.get("Proxy-Authorization"))  # type: ignore[attr-defined]
        if self.status != 200:
            self.send_error(self.status)
            return
        host, port = self.path.split(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
            back.start()
            pump(self.connection, there)
            back.join(timeout=5)

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other side has gone


@pytest.fixture
def proxy_of() -> Iterator[Callable[[int], ThreadingHTTPServer]]:
    with ExitStack() as stack:

        def start(status: int) -> ThreadingHTTPServer:
            handler = type("ProxyOfOneStatus", (Proxy,), {"status": status})
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            server.seen = []  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return server

        yield start


@pytest.fixture
def reads(
    run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> Callable[..., tuple[Any, float]]:
    """Reads the customers of a base URL, retrying for up to a minute: the run and its seconds."""

    def run(base_url: str, *, max_retry_seconds: float = 60, **env: str) -> tuple[Any, float]:
        began = time.monotonic()
        done = run_tap(
            None,
            base_url=base_url,
            max_retry_seconds=max_retry_seconds,
            catalog=catalog_of("customers"),
            env=env,
        )
        return done, time.monotonic() - began

    return run


def test_an_untrusted_certificate_ends_the_run_at_once_and_names_both_variables(
    https: HTTPServer, reads: Callable[..., Any]
) -> None:
    run, seconds = reads(https.url_for(""))
    assert run.exit_code == 1
    assert seconds < NOT_AT_ONCE_S
    assert "localhost shows a certificate that is not trusted" in run.complaint
    assert "REQUESTS_CA_BUNDLE" in run.complaint and "SSL_CERT_FILE" in run.complaint


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_each_variable_adds_trusted_certificates(
    variable: str, https: HTTPServer, reads: Callable[..., Any]
) -> None:
    run, _ = reads(https.url_for(""), **{variable: CA})
    assert run.exit_code == 0, run.stderr
    assert run.ids("customers") == [7]


def test_a_certificate_of_another_host_names_that_host(
    reads: Callable[..., Any],
) -> None:
    with account_over_https("127.0.0.2") as server:
        run, seconds = reads(server.url_for(""), SSL_CERT_FILE=CA)
    assert (run.exit_code, seconds < NOT_AT_ONCE_S) == (1, True)
    assert "IP address mismatch, certificate is not valid for '127.0.0.2'" in run.complaint


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param("no certificate", "it holds no certificate in PEM form", id="no-pem"),
    ],
)
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_that_cannot_be_used_is_named_with_its_variable(
    variable: str,
    content: str | None,
    reason: str,
    https: HTTPServer,
    reads: Callable[..., Any],
    tmp_path: Path,
) -> None:
    path = tmp_path / "bundle.pem"
    if content:
        path.write_text(content)
    run, _ = reads(https.url_for(""), **{variable: str(path)})
    assert run.exit_code == 1
    expected = f"environment variable {variable}: {path} cannot be used: {reason}. "
    assert run.complaint.startswith(expected)


def test_a_server_without_tls_behind_an_https_address_is_named(
    httpserver: HTTPServer, reads: Callable[..., Any]
) -> None:
    run, seconds = reads(f"https://localhost:{httpserver.port}")
    assert (run.exit_code, seconds < NOT_AT_ONCE_S) == (1, True)
    assert f"localhost:{httpserver.port} does not speak TLS. Check `base_url`" in run.complaint


def test_a_proxy_of_the_environment_is_used(
    https: HTTPServer, reads: Callable[..., Any], proxy_of: Callable[..., Any]
) -> None:
    proxy = proxy_of(200)
    address = f"http://finance:secret@127.0.0.1:{proxy.server_port}"
    run, _ = reads(https.url_for(""), HTTPS_PROXY=address, SSL_CERT_FILE=CA)
    assert run.exit_code == 0, run.stderr
    assert run.ids("customers") == [7]
    assert set(proxy.seen) == {"Basic ZmluYW5jZTpzZWNyZXQ="}


def test_a_host_of_no_proxy_is_reached_without_the_proxy(
    https: HTTPServer, reads: Callable[..., Any], proxy_of: Callable[..., Any]
) -> None:
    proxy = proxy_of(407)
    env = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_port}", "NO_PROXY": "localhost"}
    run, _ = reads(https.url_for(""), SSL_CERT_FILE=CA, **env)
    assert (run.exit_code, proxy.seen) == (0, [])


@pytest.mark.parametrize("status", [403, 407])
def test_a_refusing_proxy_ends_the_run_at_once_and_is_named_without_its_password(
    status: int, https: HTTPServer, reads: Callable[..., Any], proxy_of: Callable[..., Any]
) -> None:
    proxy = proxy_of(status)
    address = f"http://finance:sesame@127.0.0.1:{proxy.server_port}"
    run, seconds = reads(https.url_for(""), HTTPS_PROXY=address, SSL_CERT_FILE=CA)
    assert (run.exit_code, seconds < NOT_AT_ONCE_S) == (1, True)
    assert f"proxy 127.0.0.1:{proxy.server_port} does not connect to localhost" in run.complaint
    assert str(status) in run.complaint and "HTTPS_PROXY" in run.complaint
    assert "sesame" not in run.stderr


def test_a_proxy_that_is_not_there_ends_the_run_at_once(
    https: HTTPServer, reads: Callable[..., Any]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = nobody.getsockname()[1]
        run, seconds = reads(https.url_for(""), HTTPS_PROXY=f"http://127.0.0.1:{port}")
    assert (run.exit_code, seconds < NOT_AT_ONCE_S) == (1, True)
    assert f"proxy 127.0.0.1:{port} does not connect to localhost" in run.complaint


def test_a_proxy_that_finds_no_way_for_now_is_tried_again(
    https: HTTPServer, reads: Callable[..., Any], proxy_of: Callable[..., Any]
) -> None:
    proxy = proxy_of(503)
    address = f"http://127.0.0.1:{proxy.server_port}"
    run, _ = reads(https.url_for(""), max_retry_seconds=1, HTTPS_PROXY=address)
    assert run.exit_code == 1
    assert len(proxy.seen) > 1
    assert f"proxy 127.0.0.1:{proxy.server_port} failed: Tunnel connection" in run.complaint


@pytest.mark.parametrize("status", [301, 308])
def test_a_permanent_redirect_ends_the_run_at_once_and_names_the_address(
    status: int, httpserver: HTTPServer, reads: Callable[..., Any]
) -> None:
    headers = {"Location": "https://eu.example.com/v2/customers?key=sesame"}
    httpserver.expect_request("/customers").respond_with_data("", status=status, headers=headers)
    run, seconds = reads(httpserver.url_for("").rstrip("/"))
    assert (run.exit_code, seconds < NOT_AT_ONCE_S) == (1, True)
    assert "redirected to https://eu.example.com/v2/customers, which is not" in run.stderr
    assert "sesame" not in run.stderr
