"""Verdicts and preferences that were recorded in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.questions.rows import read_rows
from mlflow_evalplus.core.selection.verdicts import POINTS, JudgeVerdict, Preference
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.tracking.selection.judge_words import verdict_of

VerdictKey = tuple[str, str, str, int]


def read_verdicts(path: str | Path) -> tuple[tuple[JudgeVerdict, ...], dict[VerdictKey, str]]:
    """Read recorded verdicts, one JSON object a line: judge, candidate, question, repeat, verdict, why.

    A verdict that is null is unusable, as one outside 0 … 1 would be a mistake.

    Raises
    ------
    DataError
        With every wrong line.
    """
    verdicts, whys, wrong = [], dict[VerdictKey, str](), list[str]()
    for number, line in _lines(path, ("judge", "candidate", "question"), wrong):
        value, repeat = line.get("verdict"), line.get("repeat", 0)
        found = JudgeVerdict(line["judge"], line["candidate"], line["question"], repeat, verdict_of(value))
        if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 0:
            wrong.append(f"line {number}: repeat is {repeat!r}, not a number from 0")
        elif value is not None and not found.usable:
            wrong.append(
                f"line {number}: verdict is {value!r}; give a number from 0 to 1, or null where it is unusable"
            )
        elif found[:4] in whys:
            wrong.append(f"line {number}: judge {found.judge!r} gave a verdict on this answer before")
        else:
            verdicts.append(found)
            whys[found[:4]] = str(line.get("why", ""))
    _refuse(path, wrong)
    return tuple(verdicts), whys


def read_preferences(path: str | Path) -> tuple[Preference, ...]:
    """Read recorded preferences, one JSON object a line: judge, question, a, b, winner (a, b, tie or null).

    Raises
    ------
    DataError
        With every wrong line.
    """
    found, wrong = [], list[str]()
    for number, line in _lines(path, ("judge", "question", "a", "b"), wrong):
        winner = line.get("winner") or ""
        if winner and (not isinstance(winner, str) or winner not in POINTS):
            wrong.append(f"line {number}: winner is {winner!r}; give 'a', 'b' or 'tie', or null where it is unusable")
        elif line["a"] == line["b"]:
            wrong.append(f"line {number}: {line['a']!r} is compared with itself")
        else:
            found.append(Preference(line["judge"], line["question"], line["a"], line["b"], winner))
    _refuse(path, wrong)
    return tuple(found)


def _lines(path: str | Path, fields: Sequence[str], wrong: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, found in read_rows(check_file(path, (".jsonl",)), ()):
        if isinstance(found, str):
            wrong.append(f"line {number}: {found}")
            continue
        missing = [name for name in fields if not isinstance(found.get(name), str)]
        if missing:
            wrong.append(f"line {number}: {missing[0]!r} is missing or no text; a line has {shorten(fields)}")
        else:
            yield number, found


def _refuse(path: str | Path, wrong: Sequence[str]) -> None:
    if wrong:
        more = f"\n… {len(wrong) - 20} more" if len(wrong) > 20 else ""
        raise DataError(f"{path}:\n" + "\n".join(wrong[:20]) + more)
