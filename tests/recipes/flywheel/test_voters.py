"""Files that simulated annotators fill: nothing of them is lost, whatever the texts hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_evalplus.core.collecting.queue_files import write_queue
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.queue import Queue, QueuedCase
from recipes.flywheel.turn import labelled
from recipes.flywheel.voters import fill

TEXTS = [
    "=1+1",
    "'quoted",
    "two\nlines",
    "<script>alert(1)</script>",
    "好评 👍",
    "right\u202eto left",
    'say "hi", ok',
    "+1",
]


def queue_of(texts: list[str]) -> Queue:
    nan = float("nan")
    cases = [QueuedCase(f"c{i:012d}", text, i, 1, False, nan, ("low_margin",)) for i, text in enumerate(texts)]
    return Queue(tuple(cases), len(texts), len(texts), (), 0)


def test_votes_come_back_by_case_and_a_third_person_decides_where_they_differ(tmp_path: Path) -> None:
    import pandas as pd

    queue = queue_of(TEXTS)
    write_queue(queue, tmp_path / "turn", per_annotator=True, labels=("negative", "neutral", "positive"))
    rows = pd.DataFrame({
        "label": ["negative", "neutral"] * 4, "annotator_a": ["negative"] * 8,
        "annotator_b": ["negative", "positive"] * 4,
    })  # fmt: skip
    found = labelled(queue, tmp_path / "turn", rows)
    assert found.problems == ()
    assert found.open == ()
    assert {case.text: case.label for case in found.accepted} == dict(zip(TEXTS, rows["label"], strict=True))
    assert [case.how for case in sorted(found.accepted, key=lambda case: case.case_id)] == ["agreed", "adjudicated"] * 4


def test_a_case_without_an_answer_stays_blank_and_a_missing_column_is_named(tmp_path: Path) -> None:
    (path, *_) = write_queue(queue_of(["one", "two"]), tmp_path / "turn")
    assert fill(path, "annotator_1", {"c000000000001": "positive", "cunknown": "positive"}) == 1
    with pytest.raises(DataError, match=r"queue.csv has no column 'annotator_9'; it has \['case_id'"):
        fill(path, "annotator_9", {})
