"""How the process gives memory back."""

import ctypes

# glibc's number of the parameter.
M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 1024 * 1024


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
