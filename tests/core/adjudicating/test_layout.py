"""Which columns of a returned file are read, and which names would lose somebody's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.errors import DataError
from tests.core.adjudicating.queues import filled, small

VOTES = {"annotator_1": ["neg"] * 4, "annotator_2": ["neg"] * 4, "adjudicated": [""] * 4}


def sources(frame: pd.DataFrame, folder: Path) -> list[Any]:
    """Return the same rows as a data frame, a CSV and a JSONL file."""
    frame.to_csv(folder / "filled.csv", index=False)
    frame.to_json(folder / "filled.jsonl", orient="records", lines=True)
    return [frame, folder / "filled.csv", folder / "filled.jsonl"]


@pytest.mark.parametrize("twin", ["Annotator 1", "ANNOTATOR_2", "Adjudicated", " case ID", "Text"])
def test_a_column_that_has_a_twin_but_for_case_and_spaces_is_refused(tmp_path: Path, twin: str) -> None:
    queue = small(4)
    rows = filled(queue, **VOTES).assign(**{twin: "pos"})
    for source in sources(rows, tmp_path):
        with pytest.raises(DataError, match=rf"has two columns of one name, .*{twin.strip()}.*rename or remove one"):
            adjudicate(queue, source, labels=["neg", "pos"])


def test_twins_among_columns_that_are_not_read_do_no_harm(tmp_path: Path) -> None:
    queue = small(4)
    for source in sources(filled(queue, **VOTES).assign(**{"slice.Channel": "a", "slice.channel": "b"}), tmp_path):
        assert adjudicate(queue, source, labels=["neg", "pos"]).by_how == {"agreed": 4}


@pytest.mark.parametrize("name", ["annotator_1_note", "Annotator 2 Comments", "annotator.1.time", "annotator_note"])
def test_what_an_annotator_remarked_is_no_second_person(name: str) -> None:
    queue = small(4)
    rows = filled(queue, annotator_1=["neg"] * 4, annotator_2=["neg", "", "", ""]).assign(**{name: "neg"})
    found = adjudicate(queue, rows, labels=["neg", "pos"])
    assert (found.annotators, len(found.accepted)) == (("annotator_1", "annotator_2"), 1)


def test_labels_are_a_list_of_any_kind_and_no_text() -> None:
    queue = small(4)
    with pytest.raises(DataError, match="labels is one text, 'neg'; give a list"):
        adjudicate(queue, filled(queue, **VOTES), labels="neg")
    assert adjudicate(queue, filled(queue, **VOTES), labels=np.array(["neg", "pos"])).labels == ("neg", "pos")
