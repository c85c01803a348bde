"""How a version is made of those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.adding import addition
from mlflow_evalplus.core.training_data.dates import is_older, moment
from mlflow_evalplus.core.training_data.replay import in_use
from mlflow_evalplus.core.training_data.rows import (
    ADDED_AT,
    HELD_OUT,
    ID,
    PART,
    SOURCE,
    TRAIN,
    VERSION,
    Row,
    Settings,
)
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten
from mlflow_evalplus.results.training_data import Version

_OF_A_LINE = (
    "at", "digest", "parent", "n_rows", "n_held_out", "n_added", "n_retired", "n_known", "refused", "n_test_texts",
    "source", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Details:
    """What a version is told besides its rows, as in `TrainingData.add`."""

    source: str = ""
    note: str = ""
    at: str | datetime | None = None
    held_out: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise DataError(f"held_out is {self.held_out}; give the share to keep apart, at least 0 and below 1")
        for name, value in (("source", self.source), ("note", self.note)):
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise DataError(f"{name} is {value!r}, which cannot be written down: {error}") from None


def version_of(line: files.Line) -> Version:
    """Return what a line of ``versions.jsonl`` says."""
    return Version(line["version"], **{key: line[key] for key in _OF_A_LINE})


def add_version(
    folder: Path,
    lines: Sequence[files.Line],
    settings: Settings,
    given: Sequence[Row],
    tests: Sequence[str],
    details: Details,
) -> Version:
    """Write a version that adds rows; without any change, return the newest as it is.

    Parameters
    ----------
    folder : Path
    lines : sequence of dict
        Of the versions so far; none for the first.
    settings : Settings
    given : sequence of dict
        As `plain_rows` makes them.
    tests : sequence of str
        The texts of the test sets named now.
    details : Details

    Raises
    ------
    DataError
        No row would be left to train on, or a file was changed.
    """
    there = in_use(folder, lines)
    known = dict.fromkeys(row["text"] for row in _remembered(folder, lines))
    new = [text for text in dict.fromkeys(tests) if text not in known]
    found = addition(
        given, there, [*known, *new], new, settings, held_out=details.held_out, seed=details.seed,
    )  # fmt: skip
    told = {"n_known": found.n_known, "refused": dict(found.refused)}
    if lines and not (found.rows or found.retired or new):
        return _unchanged(lines, **told)
    out = {identity for ids in found.retired.values() for identity in ids}
    rest = [row for row in there if row[ID] not in out]
    line = _line(
        lines, settings, [*rest, *found.rows], details, **told, n_added=len(found.rows), n_retired=len(out),
        n_test_texts=len(known) + len(new), held_out={"share": details.held_out, "seed": details.seed},
        retired=[{"reason": reason, "rows": ids} for reason, ids in found.retired.items()],
    )  # fmt: skip
    number = line["version"]
    rows = [
        {**row, ID: f"{number}-{place}", VERSION: number, SOURCE: details.source, ADDED_AT: line["at"]}
        for place, row in enumerate(found.rows, start=1)
    ]
    content = {files.ROWS: rows, files.TESTS: [{"text": text} for text in new]}
    return _written(folder, line, lines, {name.format(number): rows for name, rows in content.items() if rows})


def retire_version(
    folder: Path, lines: Sequence[files.Line], settings: Settings, before: str | datetime, column: str | None,
    details: Details,
) -> Version:  # fmt: skip
    """Write a version without the training rows older than a date; where there are none, return the newest as it is.

    Raises
    ------
    ColumnNotFound
        No row has such a column.
    DataError
        A value of it is no date; no row would be left to train on; a file was changed.
    """
    there = in_use(folder, lines)
    known = dict.fromkeys(name for row in there for name in row)
    if column is not None and column not in known:
        raise ColumnNotFound(
            f"column {column!r} is not in the data; columns are {shorten(known, 30)}." + did_you_mean(column, known)
        )
    chosen, limit = column or settings.time, moment(before, "before").isoformat()
    trained = [row for row in there if row[PART] == TRAIN]
    old = {row[ID] for row, older in zip(trained, is_older(trained, chosen, limit), strict=True) if older}
    if not old:
        return _unchanged(lines)
    rule = {"reason": "age", "rule": {"column": chosen, "before": limit}}
    rest = [row for row in there if row[ID] not in old]
    return _written(folder, _line(lines, settings, rest, details, n_retired=len(old), retired=[rule]), lines, {})


def _remembered(folder: Path, lines: Sequence[files.Line]) -> list[Row]:
    """Return all test texts that were ever named."""
    named = [(files.TESTS.format(line["version"]), line["files"]) for line in lines]
    return [row for name, known in named if name in known for row in files.read_checked(folder, name, known[name])]


def _line(
    lines: Sequence[files.Line], settings: Settings, rows: Sequence[Row], details: Details, **told: Any
) -> files.Line:
    parts = [row[PART] for row in rows]
    if TRAIN not in parts:
        refused: dict[str, int] = told.get("refused", {})
        why = f": {sum(refused.values()):,} rows are refused ({shorten(refused)})" if refused else ""
        raise DataError(f"no row would be left to train on{why}")
    newest = lines[-1] if lines else {}
    return {
        "schema_version": names.SCHEMA_VERSION, "version": len(lines) + 1,
        "at": moment(details.at).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "parent": newest.get("digest", ""), "settings": asdict(settings), "n_rows": parts.count(TRAIN),
        "n_held_out": parts.count(HELD_OUT), "n_added": 0, "n_known": 0, "refused": {},
        "n_test_texts": newest.get("n_test_texts", 0), "source": details.source, "note": details.note, **told,
    }  # fmt: skip


def _written(
    folder: Path, line: files.Line, lines: Sequence[files.Line], content: Mapping[str, Sequence[Row]]
) -> Version:
    files.clean(folder, len(lines))
    return version_of(files.write(folder, line, lines, content))


def _unchanged(lines: Sequence[files.Line], **told: Any) -> Version:
    nothing: dict[str, Any] = {"n_added": 0, "n_retired": 0, "n_known": 0, "refused": {}}
    return replace(version_of(lines[-1]), **{**nothing, **told}, changed=False)
