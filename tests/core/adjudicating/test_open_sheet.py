"""The open cases, handed out again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
from tests.core.adjudicating.queues import HOSTILE, filled, queue_of


def test_decided_open_cases_settle_the_queue_beside_the_files_before(tmp_path: Path) -> None:
    queue = queue_of(HOSTILE)
    n = len(HOSTILE)
    votes = filled(
        queue, annotator_1=["neg"] * n, annotator_2=["neg", "pos"] * (n // 2), note=["=cmd|' /C calc'!A0"] * n
    )
    first = adjudicate(queue, votes)
    text = open_sheet(first)
    assert text.startswith(
        '\ufeff"case_id","text","annotator_1","annotator_2","adjudicated","note","slice.channel"\r\n'
    )
    cells = list(csv.reader(io.StringIO(text[1:], newline="")))
    assert [row[0] for row in cells[1:]] == [case.case_id for case in first.open]
    assert len(cells) == 1 + n // 2
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row)
    for row in cells[1:]:
        row[4] = "POS"
    out = io.StringIO(newline="")
    csv.writer(out).writerows(cells)
    (tmp_path / "disputed.csv").write_text(out.getvalue(), encoding="utf-8-sig", newline="")
    found = adjudicate(queue, [votes, tmp_path / "disputed.csv"])
    assert not found.problems
    assert found.by_how == {"agreed": n // 2, "adjudicated": n // 2}
