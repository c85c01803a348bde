"""Inspect: logs (``.eval``, ``.json``) and datasets (JSONL, JSON, CSV)."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.importing.files import json_lines
from mlflow_evalplus.core.questions.importing.outputs import answer_of
from mlflow_evalplus.core.questions.importing.prompts import messages_of
from mlflow_evalplus.core.questions.importing.samples import Sample
from mlflow_evalplus.core.questions.rows import parsed, table
from mlflow_evalplus.errors import DataError, EvalPlusError, shorten
from mlflow_evalplus.limits import WHOLE, read_at_most

PATTERNS = ("*.eval", "*.json", "*.jsonl")
KINDS = (".eval", ".json", ".jsonl", ".csv")
BINARY = ".eval"
ATTACHED = "attachment://"
ZSTD = 93  # a zip's method of compression, which the standard library reads from Python 3.14 on
_HEADER = struct.Struct("<26xHH")  # of a file in a zip: how long its name and its extra field are
Record = dict[str, Any]


def samples(path: Path) -> Iterator[Sample]:
    """Yield a sample of every record: of a log with its answer, of a dataset without."""
    if path.suffix.lower() == BINARY:
        if not path.is_file():
            check_file(path, KINDS)
        yield from _of_log(*_archive(path), path)
        return
    check_file(path, KINDS)
    if path.suffix.lower() == ".csv":
        rows = [{key: _cell(key, cell) for key, cell in cells.items()} for number, cells in table(path) if number != 1]
        yield from _of_dataset(rows, path)
    elif path.suffix.lower() == ".jsonl":
        yield from _of_dataset([row for _, row in json_lines(path, ("input",), "Inspect's datasets")], path)
    else:
        content = _json(read_at_most(path, WHOLE, "split it"), path)
        if isinstance(content, dict) and "eval" in content:
            yield from _of_log(content, content.get("samples") or [], path)
        else:
            yield from _of_dataset(content if isinstance(content, list) else [content], path)


def _json(content: bytes, path: Path) -> Any:
    """Return JSON; Inspect writes NaN where a score is none."""
    try:
        return loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{str(path)!r} is not JSON: {error}") from None


def _archive(path: Path) -> tuple[Record, list[Record]]:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {info.filename: info for info in archive.infolist()}
            WHOLE.check(sum(info.file_size for info in inside.values()), f"{str(path)!r}, unpacked,", "split it")
            names = [name for name in inside if name.startswith("samples/") and name.endswith(".json")]
            members = [_member(archive, inside[name]) for name in ("header.json", *names) if name in inside]
    except EvalPlusError:
        raise
    # a damaged file, one that is encrypted, a method of compression that is not known
    except (zipfile.BadZipFile, OSError, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise DataError(f"{str(path)!r} is no log of Inspect, or is damaged: {error}") from None
    if "header.json" not in inside:
        raise DataError(f"{str(path)!r} has no header.json: the evaluation was not finished")
    header, *records = (_json(member, path) for member in members)
    return header, sorted(records, key=lambda record: (str(record.get("id")), record.get("epoch") or 1))


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != ZSTD:
        return archive.read(info)
    import pyarrow as pa

    file = archive.fp
    assert file is not None
    file.seek(info.header_offset)
    begin = file.read(_HEADER.size)
    if len(begin) < _HEADER.size:
        raise zipfile.BadZipFile(f"{info.filename} is cut off")
    file.seek(sum(_HEADER.unpack(begin)), 1)
    content = pa.Codec("zstd").decompress(file.read(info.compress_size), info.file_size, asbytes=True)
    if zlib.crc32(content) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} does not match its checksum")
    return bytes(content)


def _of_log(header: Record, records: list[Record], path: Path) -> Iterator[Sample]:
    about = header.get("eval") if isinstance(header, dict) else None
    if not isinstance(about, dict) or not {"task", "model"} <= set(about):
        raise DataError(f"{str(path)!r} is no log of Inspect: its 'eval' names no task and model")
    task = str(about["task"]).split("/")[-1]
    for record in records:
        attached = record.get("attachments") or {}
        asked = {**record, "input": _whole(record.get("input"), attached)}
        error = (record.get("error") or {}).get("message") or ""
        output = _whole(record.get("output"), attached)
        answer = answer_of(str(about["model"]), int(record.get("epoch") or 1) - 1, output, error=str(error))
        yield _sample(asked, task, str(record.get("id")), (answer,))


def _whole(value: Any, attached: dict[str, str]) -> Any:
    """Return a value with the long texts that are kept apart in their places."""
    if isinstance(value, str) and value.startswith(ATTACHED):
        return attached.get(value[len(ATTACHED) :], value)
    if isinstance(value, list):
        return [_whole(one, attached) for one in value]
    return {key: _whole(one, attached) for key, one in value.items()} if isinstance(value, dict) else value


def _of_dataset(records: list[Any], path: Path) -> Iterator[Sample]:
    for at, record in enumerate(records, start=1):
        if not isinstance(record, dict) or "input" not in record:
            given = shorten(record) if isinstance(record, dict) else f"a {type(record).__name__}"
            raise DataError(f"{str(path)!r}: sample {at} is none of Inspect's: there is no 'input' in {given}")
        name = record.get("id")
        yield _sample(record, path.stem, str(at if name in (None, "") else name))


def _cell(key: str, cell: str) -> Any:
    """Return what a cell of a CSV file stands for: choices are parted by commas, else by spaces; JSON is read."""
    if key in ("metadata", "input", "target", "choices") and cell.lstrip().startswith(("[", "{")):
        read = parsed('{"cell": ' + cell + "}")
        return cell if isinstance(read, str) else read["cell"]
    if key == "choices":
        return [one.strip() for one in (cell.split(",") if "," in cell else cell.split()) if one.strip()]
    return cell


def _sample(record: Record, task: str, name: str, answers: tuple[Any, ...] = ()) -> Sample:
    target = record.get("target")
    golds = [target] if isinstance(target, (str, int, float)) else target or []
    return Sample(
        task, name, messages_of(record.get("input")),
        tuple(dict.fromkeys(str(one).strip() for one in golds if str(one).strip())),
        tuple(map(str, record.get("choices") or ())),
        tags=record.get("metadata") or {}, answers=answers,
    )  # fmt: skip
