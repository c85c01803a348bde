"""Documents of a seed's structure, changed: keys dropped, values of other types, odd texts, odd encodings."""

from __future__ import annotations

import copy
import csv
import io
import json
import zipfile
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st

ODD_TEXTS = (
    "", " ", "\ufeff", "\x00", "\x1b[2J", "\u202eabc", "\u2028", "\ud83d", "👩‍👩‍👧", "İıſK", "a\r\nb", "a\rb", '"',
    "''", "=1+1",
    "@SUM(1)", "nan", "NaN", "None", "null", "NULL", "true", "no", "1e400", "-0", "1_000", "0x10", "１２", "½",
    "2026-13-01",
    "2026-02-30", "9999-12-31T23:59:59Z", "0001-01-01", "2026-01-01T00:00:00+99:99", "x" * 3_000, "中" * 500,
    "../../x",
    "(a+)+$", "[", "a=b", "a=", "=", "a|b", "schema_version", "__class__", "<script>", "{{ 7*7 }}", "%s%n", "\\",
    "http://u:p@h",
)  # fmt: skip
ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 7, 2**31, 2**63, -(2**63), 2**64, 10**30, 10**400, 0.0, -0.0, 0.5, 1e-320, 1.7e308, float("inf"),
    float("-inf"), float("nan"), True, False,
)  # fmt: skip
ODD_VALUES = st.one_of(
    st.none(), st.sampled_from(ODD_NUMBERS), st.sampled_from(ODD_TEXTS), st.text(max_size=20), st.integers(),
    st.floats(),
    st.sampled_from([[], {}, [[]], [None], {"": None}, {"a": {"a": {"a": {}}}}, [1, "1", 1.0], list(range(300))]).map(
        copy.deepcopy
    ),
    st.integers(2, 200).map(lambda depth: _nested(depth)),
)  # fmt: skip
ENCODINGS = ("utf-8",) * 12 + ("utf-8-sig", "utf-16", "utf-16-le", "gb18030", "latin-1")


def _nested(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def _places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in [(*here, key), *_places(part, (*here, key))]]


def _changed(draw: st.DrawFn, document: Any) -> Any:
    """Return the document with one thing in it changed."""
    places = _places(document)
    if not places:
        return draw(ODD_VALUES)
    *above, key = places[draw(st.integers(0, len(places) - 1))]
    owner = document
    for step in above:
        owner = owner[step]
    kind = draw(st.sampled_from(("value", "value", "value", "drop", "rename", "copy", "wrap", "text", "swap")))
    if kind == "drop":
        del owner[key]
    elif kind == "rename" and isinstance(owner, dict):
        owner[draw(st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=8)))] = owner.pop(key)
    elif kind == "copy" and isinstance(owner, list):
        owner[key:key] = [copy.deepcopy(owner[key])] * draw(st.sampled_from((1, 2, 50)))
    elif kind == "wrap":
        owner[key] = [owner[key]] if draw(st.booleans()) else {"a": owner[key]}
    elif kind == "text":
        owner[key] = str(owner[key]) + draw(st.sampled_from(ODD_TEXTS))
    elif kind == "swap":
        other = places[draw(st.integers(0, len(places) - 1))]
        found = document
        for step in other:
            found = found[step] if isinstance(found, (dict, list)) and _has(found, step) else None
        owner[key] = copy.deepcopy(found)
    else:
        owner[key] = draw(ODD_VALUES)
    return document


def _has(owner: Any, step: Any) -> bool:
    return step in owner if isinstance(owner, dict) else isinstance(step, int) and 0 <= step < len(owner)


@st.composite
def documents(draw: st.DrawFn, seeds: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Draw the suffix and the bytes of a document like one of the seeds."""
    suffix, content = seeds[draw(st.integers(0, len(seeds) - 1))]
    read = _read(suffix, content)
    if read is None:
        return suffix, content
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 2, 4)))):
        read = _changed(draw, read)
    if suffix in BINARY:
        return suffix, BINARY[suffix](read)
    text = WRITTEN[suffix](read, draw)
    if draw(st.integers(0, 9)) == 0:
        text = text.replace("\n", draw(st.sampled_from(("\r\n", "\r", "\n\n", "\n\r"))))
    encoding = draw(st.sampled_from(ENCODINGS))
    return suffix, text.encode(encoding, errors="surrogatepass" if encoding.startswith("utf") else "replace")


def _read(suffix: str, content: bytes) -> Any:
    """Return the structure of a valid document; None of one that has none."""
    try:
        if suffix in (".yaml", ".json"):
            return yaml.safe_load(content) if suffix == ".yaml" else json.loads(content)
        if suffix == ".jsonl":
            return [json.loads(line) for line in content.decode("utf-8-sig").split("\n") if line.strip()]
        if suffix in (".csv", ".tsv"):
            lines = io.StringIO(content.decode("utf-8-sig"), newline="")
            return [list(row) for row in csv.reader(lines, delimiter="\t" if suffix == ".tsv" else ",")]
        if suffix == ".parquet":
            return {name: list(values) for name, values in pd.read_parquet(io.BytesIO(content)).items()}
        if suffix == ".eval":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return {name: json.loads(archive.read(name)) for name in archive.namelist()}
    except Exception:  # a seed that is not valid: its bytes are changed only
        return None
    return None


def _as_yaml(read: Any, draw: st.DrawFn) -> str:
    try:
        text = yaml.safe_dump(read, allow_unicode=draw(st.booleans()), default_flow_style=draw(st.booleans()))
    except (yaml.YAMLError, RecursionError):
        text = json.dumps(read)
    more = draw(
        st.sampled_from(
            (
                "",
                "",
                "",
                "\n<<: {a: 1}\n",
                "\na: &a [*a]\n",
                "\n? [a, b]\n: c\n",
                "\nb: !!set {a, b}\n",
                "\nx: !!python/name:os.system\n",
                "\n--- \na: 1\n",
                "\nthresholds: []\nthresholds: []\n",
            )
        )
    )
    return str(text) + more


def _as_json(read: Any, draw: st.DrawFn) -> str:
    return json.dumps(read, ensure_ascii=draw(st.booleans()))


def _as_jsonl(read: Any, draw: st.DrawFn) -> str:
    plain = draw(st.booleans())
    rows = read if isinstance(read, list) else [read]
    lines = [json.dumps(row, ensure_ascii=plain) for row in rows]
    if lines and draw(st.integers(0, 9)) == 0:  # a key twice
        lines[0] = lines[0].replace("{", '{"id": 1, "id": 2, ', 1)
    return "\n".join(lines) + draw(st.sampled_from(("\n", "", "\n\n", "\n{")))


def _as_table(read: Any, draw: st.DrawFn) -> str:
    text = io.StringIO(newline="")
    delimiter = draw(st.sampled_from((",",) * 9 + (";", "\t")))
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    for row in read if isinstance(read, list) else [read]:
        writer.writerow(row if isinstance(row, list) else [row])
    return text.getvalue()


def _as_parquet(read: Any) -> bytes:
    columns = read if isinstance(read, dict) else {"a": read}
    rows = max((len(values) for values in columns.values() if isinstance(values, list)), default=0)
    table = {}
    for name, values in columns.items():
        filled = (list(values) if isinstance(values, list) else [values] * rows) + [None] * rows
        table[str(name).encode("utf-8", "replace").decode()] = _array(filled[:rows])
    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return out.getvalue()


def _array(values: list[Any]) -> pa.Array:
    """Return values as Arrow and Parquet take them: of one type, else as texts."""
    try:
        array = pa.array(values, from_pandas=False)
        pq.write_table(pa.table({"a": array}), io.BytesIO())
        return array
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError):
        return pa.array([None if value is None else str(value).encode("utf-8", "replace").decode() for value in values])


def _as_log(read: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (read if isinstance(read, dict) else {"header.json": read}).items():
            archive.writestr(str(name).encode("utf-8", "replace").decode() or "x", json.dumps(content))
    return out.getvalue()


WRITTEN = {".yaml": _as_yaml, ".json": _as_json, ".jsonl": _as_jsonl, ".csv": _as_table, ".tsv": _as_table}
BINARY = {".parquet": _as_parquet, ".eval": _as_log}
