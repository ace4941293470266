"""How the process uses and gives back memory."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# glibc's number of the parameter.
M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 1024 * 1024


@contextmanager
def kept_imports() -> Iterator[None]:
    """Keep what is imported inside until the process ends: no collection looks at it.

    Collections during the imports and at the exit took a fifth of the time of a short run.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def release_large_blocks() -> None:
    """Makes glibc give blocks of 1 MB or more back as soon as they are free.

    By default it keeps larger and larger blocks for each thread that had one. After some pages of
    16 MB, that is half of the memory of a run. Other C libraries have no such call.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # TypeError: on Windows, None is no library
        return
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
