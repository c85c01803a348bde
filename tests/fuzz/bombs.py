"""Files that are small and ask for very much; each is made when it is needed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

GIB = 2**30


def long_line(path: Path, begin: bytes = b"") -> Path:
    """Write a line of 2 GB; on the disk it takes next to nothing."""
    path.write_bytes(begin)
    with path.open("r+b") as file:
        file.truncate(2 * GIB)
    return path


def many_columns(path: Path) -> Path:
    """Write a million columns."""
    names = [f"c{number}" for number in range(1_000_000)]
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: pa.array([1], pa.int8()) for name in names[:100_000]}), path)
    elif path.suffix == ".jsonl":
        path.write_text(json.dumps(dict.fromkeys(names, 1)) + "\n")
    else:
        path.write_text(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n")
    return path


def new_keys(path: Path) -> Path:
    """Write 15,000 rows with a key of their own each, 120,000 times over: a table of billions of cells."""
    with path.open("w") as file:
        for number in range(120_000):
            file.write(f'{{"k{number % 15_000}":1}}\n')
    return path


def wide_and_short(path: Path) -> Path:
    """Write 10,000 columns and 2,000,000 rows of one cell."""
    path.write_bytes(b",".join(b"c%d" % number for number in range(10_000)) + b"\n" + b"1\n" * 2_000_000)
    return path


def tiny_rows(path: Path) -> Path:
    """Write ten million questions."""
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b'{"id":1}\n' * 100_000)
    return path


def equal_rows(path: Path) -> Path:
    """Write a billion equal numbers, packed into little."""
    schema = pa.schema([("label", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        group = pa.table({"label": pa.array(np.zeros(10_000_000, dtype=np.int64))})
        for _ in range(100):
            writer.write_table(group, row_group_size=10_000_000)
    return path


def long_text(path: Path) -> Path:
    """Write a text of 16 MB that stands in a thousand rows: 16 GB once it is unpacked."""
    index = pa.array(np.zeros(1_000, dtype=np.int32))
    column = pa.DictionaryArray.from_arrays(index, pa.array(["x" * 16_000_000]))
    pq.write_table(pa.table({"label": column}), path, compression="zstd", store_schema=False)
    return path


def laughs(path: Path) -> Path:
    """Write YAML whose anchors grow tenfold nine times."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path.write_text("\n".join(lines) + "\n")
    return path


def merges(path: Path) -> Path:
    """Write YAML whose merges grow tenfold nine times."""
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    path.write_text("\n".join(lines) + "\n")
    return path


def nested(path: Path) -> Path:
    """Write a list in a list, 100,000 deep."""
    path.write_bytes(b"[" * 100_000 + b"]" * 100_000)
    return path


def many_digits(path: Path) -> Path:
    """Write a whole number of 100,000 digits."""
    begin = {"yaml": "confidence: ", "jsonl": '{"id": "q", "input": "?", "type": "numeric", "gold": '}[path.suffix[1:]]
    path.write_text(begin + "9" * 100_000 + ("}" if path.suffix == ".jsonl" else "") + "\n")
    return path


def cells(path: Path) -> Path:
    """Write an evaluation.json of ten million cells, 600 MB."""
    with path.open("w") as file:
        file.write('{"schema_version": 1, "confusion": [')
        for _ in range(100):
            file.write('{"label": "aaaaaaaaaa", "prediction": "bbbbbbbbbb", "n": 1}, ' * 100_000)
        file.write("0]}")
    return path


def archive(path: Path) -> Path:
    """Write a log of Inspect with 20 members of 100 MB each, all spaces."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", json.dumps({"eval": {"task": "t", "model": "m"}}))
        blank = b" " * 100_000_000
        for number in range(20):
            file.writestr(f"samples/{number}.json", blank)
    return path


def catastrophe(path: Path) -> Path:
    """Write a keyword rule that takes for ever on a text of 200 letters."""
    path.write_text("- {pattern: '(a+)+c$', label: a}\n")
    return path


Bomb = tuple[str, str, Callable[[Path], Any], str]  # name, suffix, what writes it, what reads it
BOMBS: tuple[Bomb, ...] = (
    ("a line of 2 GB", ".csv", long_line, "predictions"),
    ("a line of 2 GB", ".jsonl", long_line, "data"),
    ("a line of 2 GB", ".jsonl", long_line, "questions"),
    ("a line of 2 GB", ".csv", long_line, "questions"),
    ("a line of 2 GB", ".jsonl", long_line, "answers"),
    ("a line of 2 GB", ".jsonl", long_line, "journal"),
    ("a line of 2 GB", ".yaml", long_line, "requirements"),
    ("a line of 2 GB", ".yaml", long_line, "rules"),
    ("a line of 2 GB", ".yaml", long_line, "candidates"),
    ("a line of 2 GB", ".yaml", long_line, "prices"),
    ("a line of 2 GB", ".jsonl", long_line, "queue"),
    ("a line of 2 GB", ".csv", long_line, "filled"),
    ("a line of 2 GB", ".json", long_line, "import_inspect"),
    ("a line of 2 GB", ".json", long_line, "evaluation_json"),
    ("a million columns", ".csv", many_columns, "data"),
    ("a million keys", ".jsonl", many_columns, "data"),
    ("a million columns", ".csv", many_columns, "questions"),
    ("a million columns", ".csv", many_columns, "filled"),
    ("100,000 columns", ".parquet", many_columns, "data"),
    ("120,000 rows of 15,000 keys", ".jsonl", new_keys, "data"),
    ("2,000,000 rows of 10,000 columns", ".csv", wide_and_short, "data"),
    ("ten million questions", ".jsonl", tiny_rows, "questions"),
    ("a billion rows", ".parquet", equal_rows, "predictions"),
    ("a billion rows", ".parquet", equal_rows, "predictions_parquet"),
    ("a text of 16 MB in 1,000 rows", ".parquet", long_text, "predictions"),
    ("anchors that grow", ".yaml", laughs, "requirements"),
    ("anchors that grow", ".yaml", laughs, "rules"),
    ("merges that grow", ".yaml", merges, "candidates"),
    ("100,000 levels", ".yaml", nested, "requirements"),
    ("100,000 levels", ".yaml", nested, "rules"),
    ("100,000 levels", ".jsonl", nested, "questions"),
    ("100,000 levels", ".jsonl", nested, "data"),
    ("100,000 levels", ".jsonl", nested, "queue"),
    ("100,000 levels", ".json", nested, "evaluation_json"),
    ("a number of 100,000 digits", ".yaml", many_digits, "requirements"),
    ("a number of 100,000 digits", ".jsonl", many_digits, "questions"),
    ("ten million cells", ".json", cells, "evaluation_json"),
    ("2 GB in an archive", ".eval", archive, "import_inspect"),
    ("a pattern without end", ".yaml", catastrophe, "rules"),
)
