"""Recorded verdicts and preferences: every wrong line is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlflow_evalplus.errors import DataError
from mlflow_evalplus.tracking.selection.verdict_files import read_preferences, read_verdicts


def verdict(**changed: Any) -> dict[str, Any]:
    given = {"judge": "j1", "candidate": "small", "question": "W1", "repeat": 0, "verdict": 0.5, "why": "fair"}
    return given | changed


def preference(**changed: Any) -> dict[str, Any]:
    return {"judge": "j1", "question": "W1", "a": "small", "b": "b", "winner": "a"} | changed


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_every_wrong_line_of_verdicts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    wrong = [verdict(), verdict(), verdict(verdict=2), verdict(repeat=-1), {"judge": "j1"}, [1], verdict(repeat=True)]
    wrong += [verdict(question="W2", verdict=10**400), verdict(question="W2", why="\u2028")]
    path.write_text(
        "\n".join([*(json.dumps(line, ensure_ascii=False) for line in wrong), "", "{", "[" * 9999]), encoding="utf-8"
    )
    with pytest.raises(DataError) as told:
        read_verdicts(path)
    lines = str(told.value).splitlines()[1:]
    assert [line.partition(":")[0] for line in lines] == [f"line {number}" for number in (2, 3, 4, 5, 6, 7, 8, 11, 12)]


def test_every_wrong_line_of_preferences_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.jsonl", [preference(), preference(winner="c"), preference(b="small"), preference(winner=["a"])]
    )
    with pytest.raises(
        DataError, match=r"line 2: winner is 'c'[\s\S]*line 3: 'small' is compared with itself[\s\S]*line 4: "
    ):
        read_preferences(path)
