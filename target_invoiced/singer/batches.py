"""BATCH messages of the Singer SDK: records in files beside the stream of messages.

Each file holds one record per line (`jsonl`), plain or compressed with `gzip`.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.singer.messages import Batch, Record, parse, record_of

FORMAT = "jsonl"
COMPRESSIONS = ("gzip", "none")


def records_of(batch: Batch) -> Iterator[Record]:
    """The records of all files of a BATCH, in order, each with the line number of the message.

    Raises:
        InvalidInputError: if a file cannot be read; raised before STATE can pass the message.
    """
    if batch.format.lower() != FORMAT or batch.compression.lower() not in COMPRESSIONS:
        raise _problem(
            batch,
            f"has the encoding {batch.format}, {batch.compression}. Only jsonl, plain or with "
            "gzip, can be read: set `batch_config.encoding` of the tap",
        )
    paths = [_local_path(batch, url) for url in batch.manifest]
    for path in paths:
        yield from _records(batch, path)


def _local_path(batch: Batch, url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme not in ("file", "") or parts.netloc not in ("", "localhost"):
        raise _problem(
            batch,
            "names files that are not on this machine. Only file:// can be read: set "
            "`batch_config.storage.root` of the tap",
        )
    return Path(unquote(parts.path))


def _records(batch: Batch, path: Path) -> Iterator[Record]:
    try:
        with _opened(path, batch.compression.lower()) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                content, clean = parse(line)
                if not isinstance(content, dict):
                    raise _problem(
                        batch, f"names the file {path}, whose line {number} is no record"
                    )
                yield record_of(content, batch.stream, batch.line, clean=clean)
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or "it is damaged or cut off"
        raise _problem(batch, f"names the file {path}, which cannot be read: {said}") from None


def _opened(path: Path, compression: str) -> BinaryIO:
    if compression == "gzip":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")


def _problem(batch: Batch, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"line {batch.line} of the input is a BATCH of `{batch.stream}` that {what}. Correct it, "
        "and run again from the last state: no STATE has passed it."
    )
