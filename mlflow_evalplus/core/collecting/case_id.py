"""The name of a case: made of its text, so that the same text has it in every log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.data.duplicates import plain_texts

HEX_DIGITS = 12
BLOCK_TEXTS = 50_000  # at a time, so that the texts are never all in memory twice
Digests = np.ndarray[Any, np.dtype[np.uint64]]


def case_ids(texts: Sequence[str]) -> list[str]:
    """Return the id of each text: ``c`` and the first 12 hexadecimal digits of its SHA-256.

    Texts that differ only in case, spaces or width have the same one; so have all blank ones.

    Examples
    --------
    >>> case_ids(["So late", " so  LATE", "ｓｏ late", "so later"])
    ['c2e04ff68e86c', 'c2e04ff68e86c', 'c2e04ff68e86c', 'cbb1a841a68fa']
    """
    whole = [text.encode(errors="replace").decode() for text in texts]  # half a character is no text
    return ids_of(digests(plain_texts(pa.chunked_array([pa.array(whole, pa.string())]))))


def digests(plain: pa.ChunkedArray) -> Digests:
    """Return the first 64 bits of the SHA-256 of each text, which `plain_texts` made; a missing text is an empty one.

    Examples
    --------
    >>> ids_of(digests(pa.chunked_array([["so late"]]))) == case_ids(["So  late"])
    True
    """
    hashed = b"".join(hashlib.sha256((text or "").encode()).digest()[:8] for text in _in_blocks(plain))
    return np.frombuffer(hashed, ">u8").astype(np.uint64)


def ids_of(found: Digests) -> list[str]:
    """Return the ids that digests make."""
    return [f"c{digest:016x}"[: 1 + HEX_DIGITS] for digest in found.tolist()]


def _in_blocks(texts: pa.ChunkedArray) -> Iterator[str | None]:
    for start in range(0, len(texts), BLOCK_TEXTS):
        yield from texts.slice(start, BLOCK_TEXTS).to_pylist()
