"""In a file that people open in a spreadsheet no cell is a formula, and the texts come back from it as they were."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
from mlflow_evalplus.core.collecting.queue_sheet import csv_text
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.core.adjudicating.queues import filled, queue_of

cli = test_commands.cli
FORMULAS = (
    "=1+1", '=HYPERLINK("https://evil.example","x")', "+1", "-5", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1", " =1",
    "\u200b=1", "＝1", "＋1", "－1", "＠x", "'=1", "\n=1", "plain", "5-3", "好评=差",
)  # fmt: skip
BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def assert_no_formula(rows: list[list[str]]) -> None:
    assert len(rows) == len(FORMULAS) + 1
    assert not [cell for row in rows for cell in row if cell.strip(" \u200b\u3000").startswith(BEGINS)]


def back(cell: str) -> str:
    return cell.removeprefix("'")


def test_queues_and_disputed_sheets_hold_no_formula_and_give_the_texts_again(tmp_path: Path) -> None:
    queue = queue_of(FORMULAS, labels=("-1", "+1"))
    n = len(FORMULAS)
    votes = filled(queue, annotator_1=["-1"] * n, annotator_2=["+1"] * n, note=list(FORMULAS))
    disputed = open_sheet(adjudicate(queue, votes, labels=["-1", "+1"]))
    for text in (csv_text(queue), disputed):
        rows = cells(text)
        assert_no_formula(rows)
        assert [back(row[1]) for row in rows[1:]] == list(FORMULAS)
    for row in (rows := cells(disputed))[1:]:
        row[4] = row[2]
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    (tmp_path / "disputed.csv").write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    found = adjudicate(queue, [votes, tmp_path / "disputed.csv"], labels=["-1", "+1"])
    assert not found.problems
    assert [(case.text, case.label) for case in found.accepted] == [(text, "-1") for text in FORMULAS]


def test_the_rows_to_adjudicate_hold_no_formula_and_numbers_stay_numbers(cli: Cli) -> None:
    n = len(FORMULAS)
    frame = pd.DataFrame({"text": FORMULAS, "=score": [-5.5] * n, "a": ["=x"] * n, "b": ["y"] * n})
    frame.to_csv("data.csv", index=False, lineterminator="\r\n")
    assert cli("labels", "data.csv", "--annotators", "a", "b", "--output", "queue.csv").code == 0
    rows = cells(Path("queue.csv").read_bytes().decode())
    scores = [row[1] for row in rows[1:]]
    assert_no_formula([[row[0], *row[2:]] for row in rows])
    assert rows[0][:2] == ["text", "'=score"]
    assert scores == ["-5.5"] * n
    assert sorted(back(row[0]) for row in rows[1:]) == sorted(FORMULAS)
