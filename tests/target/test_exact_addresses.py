"""Addresses: the webhook's goes out byte for byte, and no error shows any part of one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SECRET = "hush"


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """An HTTP server that keeps the first line of each request as it came."""
    lines: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                lines.append(file.readline())
                length = 0
                for header in iter(file.readline, b"\r\n"):
                    if header.lower().startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                file.read(length)
                answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
                connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], lines
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/p?a=1&a=2&sig=", "/p?a=1&a=2&sig="),
        ("?abcTOKEN", "/?abcTOKEN"),
        ("/hooks/", "/hooks/"),
        ("", "/"),
        ("/", "/"),
        ("/a%2fb/%7Euser/./c?x=%2F+y|z^[1]", "/a%2fb/%7Euser/./c?x=%2F+y|z^[1]"),
        ("/p?url=https://x.example/?q=1", "/p?url=https://x.example/?q=1"),
        ("/p;v=1?", "/p;v=1?"),
    ],
)
def test_the_address_of_the_webhook_is_used_as_given(
    run_target, server, singer, tmp_path, written, sent
):
    with listener() as (port, lines):
        run = run_target(
            server,
            singer.stream("customers", {"name": "A"}),
            responses=str(tmp_path / "responses.singer"),
            response_webhook=f"http://127.0.0.1:{port}{written}",
            env={"LOGLEVEL": "DEBUG"},
        )
    assert run.exit_code == 0, run.stderr
    assert lines == [f"POST {sent} HTTP/1.1\r\n".encode()]
    assert len(sent) < 5 or sent not in run.stderr


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param(
            {"streams": '{"mails": {"headers": {"X-Token": "hush-hush"}'}, "streams", id="headers"
        ),
        pytest.param({"streams": "hush hush, hush"}, "streams", id="streams"),
        pytest.param({"base_url": "https://u:hush@h.example"}, "base_url", id="base-url"),
        pytest.param({"base_url": "https://u:hu/hush@h.example"}, "base_url", id="slash"),
        pytest.param(
            {"response_webhook": "https://h.example/hush hush"}, "response_webhook", id="x"
        ),
        pytest.param({"response_webhook": "hush://h.example/hush"}, "response_webhook", id="hook"),
        *(
            pytest.param({"ledger": f"postgresql://u:{word}@h.example/db"}, "ledger", id=word)
            for word in ("hush@hush", "hush:5@hush", "hush/5:hush@hush")
        ),
        pytest.param({"ledger": "postgresql://u:hush@h.example:hush/db"}, "ledger", id="port"),
        pytest.param({"ledger": "mysql://u:hush@h.example/db"}, "ledger", id="mysql"),
    ],
)
@pytest.mark.parametrize("check", [[], ["--check"]], ids=["run", "check"])
def test_no_error_shows_any_part_of_an_address_password_or_header(
    run_target, server, singer, settings, named, check
):
    messages = singer.stream("customers", {"name": "A"})
    run = run_target(None, messages, *check, **{"base_url": server.url, **settings})
    assert run.exit_code == 1
    assert run.complaint.startswith(f"setting `{named}` must be ")
    assert SECRET not in run.stderr
    assert "example" not in run.complaint


@pytest.mark.parametrize("password", ["hu%40hush", "hush/hush", "hush?hush=5", "hush:hush"])
def test_a_database_that_cannot_be_reached_is_not_named(run_target, server, singer, password):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ledger = f"postgresql://hush_user:{password}@127.0.0.1:{port}/hush_db"
    run = run_target(server, singer.stream("customers", {"name": "A"}), ledger=ledger)
    assert run.exit_code == 1
    assert run.complaint.startswith("setting `ledger`")
    for part in (SECRET, str(port), "127.0.0.1"):
        assert part not in run.complaint
