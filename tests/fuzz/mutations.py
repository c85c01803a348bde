"""Bytes of a seed, changed: flipped, cut, repeated, spliced, words of a dictionary put in."""

from __future__ import annotations

import random
from collections.abc import Sequence

MAX_BYTES = 60_000  # of one input
# What parsers of YAML, JSON, CSV, ZIP and Parquet have trouble with.
WORDS = (
    b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xed\xa0\xbd", b"\\ud83d", "\u202e".encode(),
    "👩‍👩‍👧".encode(),
    "\u2028".encode(), b"\x1b[2J", b"\r", b"\r\n", b"\n\n", b"\t", b'"', b'""', b"'", b",", b";", b"|", b"\\",
    b"NaN",
    b"-Infinity", b"1e400", b"-0.0", b"9" * 400, b"0x1F", b"1_000", b"null", b"~", b"true", b"yes", b"off", b"[]",
    b"{}",
    b"[" * 120, b'{"a":' * 120, b"- " * 120, b"&a [*a]", b"*a", b"<<: *a", b"<<: {a: 1}",
    b"!!python/object:os.system x",
    b"!!binary aGk=", b"!!set {a}", b"!!float x", b"!!timestamp 2026-13-45", b"2026-02-30",
    b"2026-01-01T00:00:00+99:99",
    b"? [a, b]\n: c", b"---\n", b"...\n", b"%YAML 9.9\n", b"#", b": ", b"=1+1", b"@SUM(1)", b"(a+)+$", b"(?P<x>",
    b"\\d{1,99999}",
    b"sep=;\n", b"PK\x03\x04", b"PAR1", b"999999999999999999999", b"1970-01-01", b"9999-12-31", b"../../etc/passwd",
    b"x" * 5_000, "é".encode("latin-1"), "中文".encode("gb18030"), "text".encode("utf-16"), b"__class__",
    b"constructor",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], at: int, rng: random.Random) -> bytes:
    """Return the seed at this place, changed up to eight times."""
    content = bytearray(seeds[at])
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        _change(content, seeds, rng)
        del content[MAX_BYTES:]
    return bytes(content)


def _change(content: bytearray, seeds: Sequence[bytes], rng: random.Random) -> None:
    begin = rng.randint(0, len(content))
    end = min(len(content), begin + rng.choice((1, 2, 4, 16, 256)))
    kind = rng.randrange(8)
    if kind == 0 and begin < len(content):
        content[begin] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[begin:end]
    elif kind == 2:
        del content[begin:]
    elif kind == 3:
        content[begin:begin] = content[begin:end] * rng.choice((1, 2, 100))
    elif kind == 4:
        content[begin:end] = rng.randbytes(end - begin)
    elif kind == 5:
        other = rng.choice(seeds)
        start = rng.randint(0, len(other))
        content[begin:end] = other[start : start + rng.choice((4, 64, 1024))]
    else:
        content[begin : end if kind == 6 else begin] = rng.choice(WORDS)
