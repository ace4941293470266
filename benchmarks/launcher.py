"""Runs one command and writes what it used, as JSON, into a file. For `python -I -S`:

python -I -S benchmarks/launcher.py RESULT_FILE TIMEOUT_SECONDS COMMAND...

A process's peak memory counts from what its parent used when it was started, so that its parent
has to be a small one.
"""

import json
import os
import signal
import sys
import time

result, timeout_s, *command = sys.argv[1:]
began = time.perf_counter()
pid = os.posix_spawn(command[0], command, os.environ)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.setitimer(signal.ITIMER_REAL, float(timeout_s))
_, status, usage = os.wait4(pid, 0)
used = {
    "exit_code": os.waitstatus_to_exitcode(status),
    "seconds": time.perf_counter() - began,
    "cpu_s": usage.ru_utime + usage.ru_stime,
    "peak_mb": usage.ru_maxrss * 1024 / 1e6,  # Linux counts in units of 1,024 bytes
}
with open(result, "w") as file:  # noqa: PTH123  # pathlib would make this process larger
    json.dump(used, file)
