"""Starts `target-invoiced` by forking a process that imported it, on a clock that a test sets.

A script, not a test: it is started with the number of a socket. Each request is one JSON line,
`{"arguments": […], "environment": {…}, "later_s": 0, "commit_s": 0}`, with the file numbers of
stdin, stdout and stderr; its answers are the process's number and, once that has ended, its exit
code (negative after a signal). In those processes sleeping takes no time: the clocks move on at
once. A commit of the ledger takes `commit_s` longer than it would, as on a slow disk.
"""

import json
import os
import socket
import sys
import time

_real_monotonic, _real_time, _real_sleep = time.monotonic, time.time, time.sleep
slept_s = 0.0
later_s = 0.0


def _sleep(seconds: float) -> None:
    global slept_s
    slept_s += max(0.0, seconds)


# Before anything that takes a clock by its name is imported.
time.sleep = _sleep
time.monotonic = lambda: _real_monotonic() + slept_s
time.time = lambda: _real_time() + slept_s + later_s

import sqlalchemy as sa  # noqa: E402

import target_invoiced.cli  # noqa: E402
from target_invoiced.__main__ import main  # noqa: E402


def run(request: dict, files: list[int]) -> int:
    """The life of the forked process."""
    global later_s
    later_s = request["later_s"]
    if request["commit_s"]:
        sa.event.listen(sa.Engine, "commit", lambda connection: _real_sleep(request["commit_s"]))
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.update(request["environment"])
    sys.argv = ["target-invoiced", *request["arguments"]]
    return main()


def serve(line: socket.socket) -> None:
    while True:
        content, files, _, _ = socket.recv_fds(line, 1 << 16, 3)
        if not content:
            return
        process = os.fork()
        if process == 0:
            code = 70
            try:
                line.close()
                code = run(json.loads(content), files)
            finally:
                sys.stderr.flush()
                os._exit(code)
        for file in files:
            os.close(file)
        line.sendall(b"%d\n" % process)
        _, status = os.waitpid(process, 0)
        line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    assert target_invoiced.cli
    serve(socket.socket(fileno=int(sys.argv[1])))
