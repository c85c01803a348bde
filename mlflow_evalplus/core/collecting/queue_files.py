"""A queue as files: CSV for the people who label, JSONL for what reads their labels back."""

from __future__ import annotations

import json
import math
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.queue_sheet import csv_text
from mlflow_evalplus.core.collecting.queue_sheet import shown as shown
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.limits import WHOLE, read_at_most
from mlflow_evalplus.results.queue import Queue, QueuedCase

CSV_NAME, JSONL_NAME = "queue.csv", "queue.jsonl"
KIND = "queue"


def labels_of(queue: Queue) -> tuple[str, ...]:
    """Return the queue's labels, else those that its cases name: answers of the models, and feedback; sorted."""
    if queue.labels:
        return queue.labels
    found = {label for case in queue.cases for label in (case.prediction, case.challenger, case.label)}
    return tuple(sorted(found - {"", names.OTHER}))


def jsonl_text(queue: Queue, labels: Sequence[str] = ()) -> str:
    """Return the queue for machines: a header object, then a case a line, as strict JSON.

    Parameters
    ----------
    queue : Queue
    labels : sequence of str
        The permitted ones; by default those that the cases name.
    """
    head = {
        "schema_version": names.SCHEMA_VERSION, "kind": KIND, "n_rows": queue.n_rows, "n_texts": queue.n_texts,
        "seed": queue.seed, "labels": list(labels) or list(labels_of(queue)), "notes": list(queue.notes),
        "reasons": [asdict(reason) for reason in queue.reasons],
    }  # fmt: skip
    known = set(head)
    more = {f.name: getattr(queue, f.name) for f in fields(queue) if f.name not in known | {"cases"}}
    return "".join(_line(row) + "\n" for row in ({**head, **more}, *(asdict(case) for case in queue.cases)))


def _line(row: Mapping[str, Any]) -> str:
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
    line = json.dumps(finite, ensure_ascii=False, allow_nan=False)
    return line if line.isprintable() else json.dumps(finite, allow_nan=False)  # half a surrogate pair is no UTF-8


def write_queue(
    queue: Queue,
    folder: str | Path,
    *,
    annotators: int = 2,
    per_annotator: bool = False,
    labels: Sequence[str] = (),
    force: bool = False,
) -> tuple[Path, ...]:
    """Write a queue into a folder, whole or not at all.

    Parameters
    ----------
    queue : Queue
    folder : path
        Made where it is not there. What else is in it stays.
    annotators : int
        Columns for votes, two at least.
    per_annotator : bool
        One CSV for each annotator, so that they do not see each other's labels, in place of ``queue.csv``.
    labels : sequence of str
        The permitted ones, for the header of ``queue.jsonl``; by default those that the cases name.
    force : bool
        Replace the queue that is in the folder.

    Returns
    -------
    tuple of Path
        The files, ``queue.jsonl`` last.

    Raises
    ------
    DataError
        The folder holds a queue, which somebody may have filled in; it cannot be written to; too few annotators.
    """
    columns = annotator_columns(annotators)
    target = check_target(folder, force=force)
    if per_annotator:
        files = {f"queue_{column}.csv": csv_text(queue, [column], third=False) for column in columns}
    else:
        files = {CSV_NAME: csv_text(queue, columns)}
    files[JSONL_NAME] = jsonl_text(queue, labels)
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir()
            for name, text in files.items():
                (part / name).write_bytes(text.encode("utf-8"))
            _put(part, target, force=force)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot write the queue into {str(folder)!r}: {error.strerror}") from None
    return tuple(Path(folder) / name for name in files)


def annotator_columns(annotators: int) -> list[str]:
    """Return the columns of so many annotators' votes.

    Raises
    ------
    DataError
        There are fewer than two.
    """
    if annotators < 2:
        raise DataError(f"annotators is {annotators}; a label needs two people at least")
    return [f"{names.ANNOTATOR}{number + 1}" for number in range(annotators)]


def check_target(folder: str | Path, *, force: bool = False) -> Path:
    """Return the folder's whole path, where a queue may be written into it.

    Raises
    ------
    DataError
        It is a file, or it holds a queue and `force` was not asked.
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise DataError(f"cannot write a queue into {str(folder)!r}: it is a file")
    if (held := files_in(target)) and not force:
        raise DataError(
            f"{str(folder)!r} holds a queue already ({', '.join(held)}), which somebody may have filled in; "
            "choose another folder, or replace it with --force (force=True)"
        )
    return target


def files_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder that are a queue's."""
    known = (CSV_NAME, JSONL_NAME)
    return sorted(p.name for p in folder.glob("queue*") if p.name in known or p.match("queue_annotator_*.csv"))


def _put(part: Path, target: Path, *, force: bool) -> None:
    """Rename the whole folder where nothing is there yet; else put each file into it."""
    if not target.exists():
        part.rename(target)  # fails where another process was quicker, for then it is not empty
        return
    fresh = sorted(part.iterdir(), key=lambda path: path.name == JSONL_NAME)
    if force:
        for name in files_in(target)[::-1]:  # `queue.jsonl` goes first and comes last: without it there is no queue
            (target / name).unlink()
        for path in fresh:
            path.replace(target / path.name)
        return
    done: list[Path] = []
    try:
        for path in fresh:
            with (target / path.name).open("xb") as file:  # never over a file that appeared meanwhile
                done.append(target / path.name)
                file.write(path.read_bytes())
    except BaseException:
        for path in done:
            path.unlink(missing_ok=True)
        raise


def read_queue(path: str | Path) -> Queue:
    """Read a queue from ``queue.jsonl``, or from the folder that holds it.

    Raises
    ------
    DataError
        It is not there, no such file, damaged (with the line), or of a newer version.
    """
    head, rows = _read(path)
    known = {f.name for f in fields(QueuedCase)}
    cases = []
    for number, row in rows:
        given = {key: value for key, value in row.items() if key in known}
        for key in ("weight", "margin"):
            given[key] = math.nan if given.get(key) is None else given[key]
        try:
            cases.append(_adapter(QueuedCase).validate_python(given))
        except ValidationError as error:
            raise DataError(f"line {number} of {str(path)!r} is no case of a queue; it holds {shorten(sorted(row))} "
                            f"({_first(error)})") from None  # fmt: skip
    more = {f.name: head[f.name] for f in fields(Queue) if f.name in head and f.name not in ("cases", "reasons")}
    try:
        queue: Queue = _adapter(Queue).validate_python({"reasons": head.get("reasons"), **more, "cases": cases})
    except ValidationError as error:
        raise DataError(f"line 1 of {str(path)!r} is no header of a queue; it holds {shorten(sorted(head))} "
                        f"({_first(error)})") from None  # fmt: skip
    return queue


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


def is_queue(path: str | Path) -> bool:
    """Return whether this is the ``queue.jsonl`` of a queue, or a folder that holds one."""
    path = Path(path)
    if path.is_dir():
        return (path / JSONL_NAME).is_file()
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with path.open("rb") as file:
        return _header(file.readline(1_000_000)) is not None


def _header(line: bytes) -> dict[str, Any] | None:
    try:
        head = loads(line.decode("utf-8-sig"))
    except ValueError:
        return None
    return head if isinstance(head, dict) and head.get("kind") == KIND and "schema_version" in head else None


def _read(path: str | Path) -> tuple[dict[str, Any], list[tuple[int, dict[str, Any]]]]:
    file = Path(path)
    file = file / JSONL_NAME if file.is_dir() else file
    if not file.is_file():
        near = [p.name for p in file.parent.glob("*.jsonl")] if file.parent.is_dir() else []
        raise DataError(f"there is no queue {str(file)!r}.{did_you_mean(file.name, near)}")
    lines = read_at_most(file, WHOLE, "is it the right file?").split(b"\n")
    head = _header(lines[0])
    if head is None:
        hint = f"; {JSONL_NAME}, written beside it, is" if file.suffix == ".csv" else ""
        raise DataError(f"{str(file)!r} is no queue for machines{hint}: its first line is no header with kind 'queue'")
    if not isinstance(head["schema_version"], int) or head["schema_version"] > names.SCHEMA_VERSION:
        raise DataError(f"{str(file)!r} has schema version {head['schema_version']!r}; update mlflow-evalplus")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            row = loads(line)
        except ValueError:
            raise DataError(f"line {number} of {str(file)!r} is no JSON; is the file whole?") from None
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {str(file)!r} is no case of a queue, but {type(row).__name__}")
        rows.append((number, row))
    return head, rows
