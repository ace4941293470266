"""Starts the commands of the tests by fork, from a process that has imported them already.

Importing a command takes longer than most of its runs in the tests. The child has the arguments,
environment, folder and pipes of the run, and ends as an interpreter does that was started with
`python -m`. Runs that set variables of Python's own get an interpreter of their own instead.
"""

import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

PRELOADED = ("tap_invoiced.cli", "target_invoiced.cli")
STARTUP_TIMEOUT_S = 60


class ForkServer:
    """The process that forks. `run` may be called by several threads at once."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._address = str(Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._address], stdout=subprocess.PIPE
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)
        self._folder.cleanup()

    def run(
        self,
        module: str,
        arguments: list[str],
        environment: dict[str, str],
        stdin: bytes,
        *,
        timeout_s: float,
    ) -> tuple[int, bytes, bytes]:
        """The exit code, stdout and stderr of `python -m MODULE ARGUMENTS`.

        Raises subprocess.TimeoutExpired, when the run was killed.
        """
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        request = {"module": module, "arguments": arguments, "environment": environment}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(timeout_s)
            channel.connect(self._address)
            content = json.dumps({**request, "folder": str(Path.cwd())}).encode()
            socket.send_fds(channel, [len(content).to_bytes(8, "big")], theirs)
            channel.sendall(content)
            for one in theirs:
                os.close(one)
            answers = channel.makefile("r")
            pid = int(answers.readline())
            found: dict[int, bytes] = {}
            threads = [
                Thread(target=_feed, args=(ours[0], stdin), daemon=True),
                *(Thread(target=_drain, args=(one, found), daemon=True) for one in ours[1:]),
            ]
            for thread in threads:
                thread.start()
            try:
                code = int(answers.readline())
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([module, *arguments], timeout_s) from None
            for thread in threads[1:]:
                thread.join(timeout_s)
            return code, found[ours[1]], found[ours[2]]


def _feed(pipe: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(pipe, "wb", buffering=0) as file:
        file.write(content)


def _drain(pipe: int, found: dict[int, bytes]) -> None:
    with os.fdopen(pipe, "rb") as file:
        found[pipe] = file.read()


def serve(address: str) -> Callable[[], Any]:
    """Forks for each request; returns in the child alone, what it is to run."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(64)
    os.write(1, b"ready\n")
    while True:
        channel, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return _supervise(channel)
        channel.close()


def _supervise(channel: socket.socket) -> Callable[[], Any]:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, pipes, _, _ = socket.recv_fds(channel, 8, 3)
    content = b""
    while len(content) < int.from_bytes(size, "big"):
        content += channel.recv(1 << 16)
    pid = os.fork()
    if pid:
        for one in pipes:
            os.close(one)
        channel.sendall(b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):
            channel.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    channel.close()
    return _become(json.loads(content), pipes)


def _become(request: dict[str, Any], pipes: list[int]) -> Callable[[], Any]:
    for number, one in enumerate(pipes):
        os.dup2(one, number)
    os.closerange(3, 1024)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    random.seed()
    module = request["module"]
    sys.modules.pop(f"{module}.__main__", None)  # a first run imports it anew
    sys.argv = [module, *request["arguments"]]
    return lambda: runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in PRELOADED:
        import_module(name)
    sys.path.pop(0)  # the folder of this file, which is not the commands'
    serve(sys.argv[1])()
