"""Every text that a store holds: its database, its artifacts, unpacked."""

from __future__ import annotations

import base64
import gzip
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

PACKED = re.compile(r"deflate;([A-Za-z0-9+/=_-]+)|base64,([A-Za-z0-9+/=]{16,})")


def left_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of every file below a folder, as it is and unpacked; numbers of a table's rows besides."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for text in _texts(path):
                name = str(path.relative_to(folder))
                yield name, text
                yield from ((f"{name} (packed)", inside) for inside in _inside(text))


def _texts(path: Path) -> Iterator[str]:
    octets = path.read_bytes()
    yield octets.decode(errors="replace")
    yield octets.decode("utf-16-le", errors="replace")
    if path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist())
    if octets[:2] == b"\x1f\x8b":
        yield gzip.decompress(octets).decode(errors="replace")
    if path.suffix == ".db":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as known:
            yield "\n".join(known.iterdump())


def _inside(text: str) -> Iterator[str]:
    for found in PACKED.finditer(text):
        octets = base64.b64decode((found[1] or found[2]) + "==", altchars=b"-_" if "-" in found[0][8:] else None)
        yield (_inflated(octets) if found[1] else octets).decode(errors="replace")


def _inflated(octets: bytes) -> bytes:
    for bits in (15, -15, 31):
        try:
            return zlib.decompress(octets, bits)
        except zlib.error:
            continue
    return octets
