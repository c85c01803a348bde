"""What becomes of a queue that comes back: every case once, no vote lost, every mistake named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.collecting.queue_files import write_queue
from mlflow_evalplus.errors import ColumnNotFound, DataError, RequirementsError
from mlflow_evalplus.results.adjudication import AcceptedCase, Adjudication, OpenCase
from mlflow_evalplus.results.queue import Queue
from tests.core.adjudicating.queues import HOSTILE, filled, queue_of, sheet, small, written

TWO, THREE = ("annotator_1", "annotator_2"), ("annotator_1", "annotator_2", "annotator_3")
LABELS = ["neg", "pos"]
cells = st.sampled_from(["", "neg", "pos", "?", "negg"])
Votes = list[list[str]]


def outcome(found: Adjudication) -> dict[str, str]:
    """Return case → how it was settled with which label, or its state."""
    settled = {case.case_id: f"{case.how} {case.label}" for case in found.accepted}
    return {**settled, **{case.case_id: case.state for case in found.open}}


def cases(found: Adjudication) -> list[AcceptedCase | OpenCase]:
    return [*found.accepted, *found.open]


def kinds(found: Adjudication) -> list[tuple[str, str]]:
    return [(problem.kind, problem.case_id) for problem in found.problems]


def rows(n: int, columns: int) -> st.SearchStrategy[Votes]:
    return st.lists(st.lists(cells, min_size=columns, max_size=columns), min_size=n, max_size=n)


def frame_of(queue: Queue, votes: Votes, columns: tuple[str, ...]) -> pd.DataFrame:
    return filled(queue, **{name: [row[place] for row in votes] for place, name in enumerate(columns)})


def expected(votes: list[str], decision: str, majority: bool) -> str:
    """Say by hand what becomes of one case."""
    cast = [vote for vote in votes if vote]
    decided = decision in LABELS
    for label in LABELS:
        if len(cast) >= 2 and all(vote == label for vote in cast) and decision in ("", label):
            return f"agreed {label}"
    if decided and any(vote in (*LABELS, "?") for vote in cast):
        return f"adjudicated {decision}"
    for label in LABELS:
        if majority and decision == "" and len(cast) >= 3 and cast.count(label) * 2 > len(cast):
            return f"majority {label}"
    return ["unfilled", "partly", "disputed", "disputed"][len(cast)]


@given(rows(16, 4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_case_is_settled_or_open_as_the_rules_say(votes: Votes, majority: bool) -> None:
    queue = small(16)
    found = adjudicate(
        queue, frame_of(queue, votes, (*THREE, "adjudicated")), labels=LABELS, majority=majority
    )  # fmt: skip
    assert outcome(found) == {f"c{i:03}": expected(row[:3], row[3], majority) for i, row in enumerate(votes)}
    assert sorted(outcome(found)) == sorted(case.case_id for case in cases(found))
    assert len(found.accepted) + len(found.open) == found.n == 16
    unknown = sum(cell == "negg" for row in votes for cell in row)
    assert found.by_kind == ({"unknown_label": unknown} if unknown else {})
    assert f"{len(found.accepted)} of 16 cases" in found.sentence


@given(rows(6, 3), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_columns_and_files_leaves_no_trace(votes: Votes, random: Any) -> None:
    queue = small()
    whole = frame_of(queue, votes, (*TWO, "adjudicated"))
    mixed = whole.sample(frac=1, random_state=random.randrange(1000))[random.sample(list(whole.columns), 5)]
    apart = [whole[["case_id", name]] for name in (*TWO, "adjudicated")]
    random.shuffle(apart)
    first = adjudicate(queue, whole, labels=LABELS)
    for again in (mixed, apart, [mixed, whole], [mixed.head(3), mixed.tail(3)]):
        found = adjudicate(queue, again, labels=LABELS)
        assert repr((found.accepted, found.open, found.quality)) == repr((first.accepted, first.open, first.quality))
        assert set(kinds(found)) == set(kinds(first))


@given(rows(6, 3), st.lists(st.booleans(), min_size=18, max_size=18))
@settings(max_examples=15, deadline=None)
def test_fuller_files_lose_no_vote_and_settle_no_less(votes: Votes, kept: list[bool]) -> None:
    """As people fill files in: votes first, then decisions where they differ."""
    queue = small()
    full = [[a, b, decision if a and b and a != b else ""] for a, b, decision in votes]
    half = [[cell if kept[3 * i + j] else "" for j, cell in enumerate(row)] for i, row in enumerate(full)]
    columns = (*TWO, "adjudicated")
    first, last = (adjudicate(queue, frame_of(queue, some, columns), labels=LABELS) for some in (half, full))
    both = adjudicate(queue, [frame_of(queue, some, columns) for some in (half, full)], labels=LABELS)
    assert outcome(both) == outcome(last)
    assert {case.case_id for case in first.accepted} <= {case.case_id for case in last.accepted}
    early, late = ({c.case_id: c.votes for c in cases(one)} for one in (first, last))
    assert all(early[one].items() <= late[one].items() for one in early)


def test_hostile_texts_come_back_settled_from_files_of_each_annotator(tmp_path: Path) -> None:
    queue = queue_of(HOSTILE)
    ids = [case.case_id for case in queue.cases]
    paths = []
    for place, name in enumerate(TWO):
        votes = {
            one: {name: " Neg" if number % 3 else "ＰＯＳ"} for number, one in enumerate(ids) if number != 5 + place
        }
        paths.append(tmp_path / f"{name}.csv")
        paths[-1].write_bytes(written(sheet(queue, votes, [name]), ";").encode("utf-16"))
    write_queue(queue, tmp_path / "queue", labels=LABELS)
    found = adjudicate(tmp_path / "queue", paths)
    assert not found.problems
    assert found.by_how == {"agreed": len(HOSTILE) - 2}
    assert [(case.case_id, case.state) for case in found.open] == [("c005", "partly"), ("c006", "partly")]
    assert all(case.text == HOSTILE[ids.index(case.case_id)] for case in found.accepted)  # the queue's own
    assert tuple(found.frame().columns) == (*names.ACCEPTED_COLUMNS, "slice.channel")


def test_what_is_accepted_carries_what_the_queue_knows() -> None:
    queue = small(audit=1)
    found = adjudicate(queue, filled(queue, annotator_1=["neg"], annotator_2=["neg"]))
    (case,) = found.accepted
    asked = queue.cases[0]
    for field in ("case_id", "text", "audit", "weight", "copies", "reasons", "prediction", "time", "slices"):
        assert getattr(case, field) == getattr(asked, field)
    assert case.votes == dict.fromkeys(TWO, "neg")


def test_a_vote_may_be_given_before_the_others_are_and_doubts_stay_open() -> None:
    queue = small()
    found = adjudicate(
        queue,
        filled(
            queue,
            annotator_1=["neg", "?", "skip", "neg", "neg"],
            annotator_2=["", "unclear", "pos", "pos", "neg"],
            adjudicated=["pos", "", "pos", "?", "?"],
            note=["hm", "odd"],
        ),
        labels=LABELS,
    )
    assert list(outcome(found).values()) == ["adjudicated pos", "adjudicated pos", *["disputed"] * 3, "unfilled"]
    assert found.open[0].votes == {"annotator_1": "?", "annotator_2": "?"}
    assert found.open[0].note == "odd"
    assert found.open[0].slices == {"channel": "app"}


def test_decisions_on_doubts_and_misspelt_votes_are_against_nobody() -> None:
    queue = small(2)
    votes = filled(
        queue, annotator_1=["?", "neg"], annotator_2=["?", "neg"], annotator_3=["", "negg"], adjudicated=["pos", "neg"]
    )
    found = adjudicate(queue, votes, labels=LABELS)
    assert (found.by_how, found.notes) == ({"adjudicated": 2}, ())


def test_half_of_the_votes_are_no_majority() -> None:
    queue = small(2)
    votes = filled(queue, **{f"annotator_{i}": ["neg", "neg" if i < 3 else "pos"] for i in range(4)})
    votes.loc[0, ["annotator_2", "annotator_3"]] = ["pos", "?"]
    assert outcome(adjudicate(queue, votes, labels=LABELS, majority=True)) == {
        "c000": "disputed",
        "c001": "majority neg",
    }


def test_an_id_may_change_its_case_and_get_an_apostrophe() -> None:
    queue = small(3)
    votes = filled(queue, annotator_1=["neg"] * 3, annotator_2=["neg"] * 3)
    assert adjudicate(queue, votes.assign(case_id=["C000", "'c001", " c002 "])).by_how == {"agreed": 3}


def test_decisions_against_both_and_before_any_vote_are_noted() -> None:
    queue = small(3)
    votes = filled(
        queue, annotator_1=["neg", "", "neg"], annotator_2=["neg", "", "neg"], adjudicated=["pos", "pos", "neg"]
    )
    found = adjudicate(queue, votes, labels=LABELS)
    assert list(outcome(found).values()) == ["adjudicated pos", "agreed neg", "unfilled"]
    assert found.notes == (
        "Decided against annotators who agree: c000.",
        "Decided before anybody labelled, so still open: c001; a label takes two people.",
    )
    assert not found.problems


def test_every_kind_of_mistake_is_named_with_its_place_and_decides_nothing(tmp_path: Path) -> None:
    queue = small(9)
    cells = sheet(queue, {f"c{i:03}": dict.fromkeys(TWO, "neg") for i in range(9)}, TWO)
    cells[1][2] = "negtive"  # c000
    cells[2][0] = "c0O1"
    cells[3][0] = ""
    cells[4][1] = "text number 4"  # the text of c004 beside c003
    cells[5] = []
    cells[6][1] = "something else"
    cells.append(["c006", "text number 6", "pos", "neg", "", "", ""])
    cells[8] = [*cells[8][:2], "broken", *cells[8][2:]]  # c007
    path = tmp_path / "filled.csv"
    path.write_text(written(cells), encoding="utf-8", newline="")
    found = adjudicate(queue, path, labels=LABELS)
    assert kinds(found) == [
        ("unknown_label", "c000"), ("edited_text", "c003"), ("edited_text", "c005"), ("repeated_id", "c006"),
        ("unknown_id", "c0O1"), ("missing_id", ""), ("shifted_row", "c007"),
        ("lost_row", "c001"), ("lost_row", "c002"), ("lost_row", "c004"),
    ]  # fmt: skip
    said = [problem.sentence for problem in found.problems]
    assert said[0].startswith(
        "filled.csv line 2: case c000, annotator_1: 'negtive' is no label; permitted are ['neg', 'pos']. "
    )
    assert "line 5: case c003: its text is that of case c004" in said[1]
    assert "it is 'something else', the queue's 'text number 5'" in said[2]
    assert "annotator_1: 'neg' in filled.csv line 8 and 'pos' in filled.csv line 11, so none of them counts" in said[3]
    assert "the queue has no case 'c0O1'; its text is that of case c001: put that id back" in said[4]
    assert "line 4: the row has no id; its text is that of case c002" in said[5]
    assert outcome(found) == {
        **{f"c{i:03}": "unfilled" for i in (1, 2, 3, 4, 5, 7)}, "c000": "disputed", "c006": "disputed",
        "c008": "agreed neg",
    }  # fmt: skip
    assert "Problems: 10 (3 lost row, 2 edited text, " in found.sentence


def test_a_correction_in_a_later_file_counts_and_the_same_vote_twice_is_one() -> None:
    queue = small(3)
    first = filled(queue, annotator_1=["neg", "negg", "?"], annotator_2=["neg", "neg", "pos"])
    later = filled(queue, annotator_1=["neg", "neg", "pos"], annotator_2=["", "", ""])
    found = adjudicate(queue, [first, later], labels=LABELS)
    assert found.by_how == {"agreed": 3}
    assert kinds(found) == [("unknown_label", "c001")]
    assert found.problems[0].sentence.startswith("frame 1 row 1 (from 0): case c001")


def test_columns_are_found_under_other_names() -> None:
    queue = small()
    votes = filled(queue, annotator_1=["neg"] * 6, annotator_2=["neg"] * 6, adjudicated=[""] * 6)
    asked = {
        "case_id": "Nummer",
        "text": "Nachricht",
        "annotator_1": "Anna",
        "annotator_2": "Bo",
        "adjudicated": "Chef",
    }
    renamed = votes.rename(columns=asked).assign(extra="x", Nachbar="text number 0")
    renamed.loc[2, "Nachricht"] = "edited"
    found = adjudicate(queue, renamed, annotators=["anna", "Bo"], adjudicated="Chef", labels=LABELS)
    assert found.annotators == ("anna", "Bo")
    assert found.by_how == {"agreed": 5}
    assert kinds(found) == [("edited_text", "c002")]
    spaced = votes.rename(columns={"case_id": " Case ID", "annotator_1": "Annotator 1", "annotator_2": "ANNOTATOR.2"})
    assert adjudicate(queue, spaced, labels=LABELS).by_how == {"agreed": 6}
    without = adjudicate(queue, votes.drop(columns="text"), labels=LABELS)
    assert without.by_how == {"agreed": 6}
    assert without.notes == ("Whether texts were edited was not checked, for want of a text column, in: frame.",)


def test_ten_annotators_stand_in_their_natural_order() -> None:
    queue = small(1)
    votes = filled(queue, **{f"annotator_{number}": ["neg"] for number in (10, 9, 2, 1)})
    assert adjudicate(queue, votes).annotators == ("annotator_1", "annotator_2", "annotator_9", "annotator_10")


def test_the_permitted_labels_are_those_given_then_required_then_of_the_queue(tmp_path: Path) -> None:
    queue = small(2)
    votes = filled(queue, annotator_1=["NEG", "mixed"], annotator_2=["neg", "Mixed"])
    assert adjudicate(queue, votes).labels == ("neg", "pos")
    assert adjudicate(queue, votes).by_kind == {"unknown_label": 2}
    assert "that the queue names, ['neg', 'pos']" in adjudicate(queue, votes).notes[0]
    asked = {"task": {"labels": ["neg", "pos", "mixed"]}}
    assert adjudicate(queue, votes, requirements=asked).by_how == {"agreed": 2}
    assert adjudicate(queue, votes, labels=["mixed"], requirements=asked).by_kind == {"unknown_label": 2}
    write_queue(queue, tmp_path / "queue", labels=["mixed", "neg"])
    assert adjudicate(tmp_path / "queue" / "queue.jsonl", votes).labels == ("mixed", "neg")
    silent = queue_of([case.text for case in queue.cases], labels=())
    found = adjudicate(silent, votes)
    assert found.labels == ("Mixed", "NEG")
    assert found.notes[0].startswith("No labels were named")
    with pytest.raises(RequirementsError):
        adjudicate(queue, votes, requirements={"task": {"lables": []}})


def test_agreement_is_that_of_the_cases_with_two_labels_and_of_the_random_ones_apart() -> None:
    rng = np.random.default_rng(0)
    queue = small(120, audit=50)
    one = rng.choice(["neg", "pos", "?", ""], 120, p=[0.4, 0.4, 0.1, 0.1])
    other = np.where(rng.random(120) < 0.3, "neg", one)
    votes = filled(queue, annotator_1=one.tolist(), annotator_2=other.tolist())
    found = adjudicate(queue, votes, labels=LABELS)
    both = votes[votes["annotator_1"].isin(LABELS) & votes["annotator_2"].isin(LABELS)]
    assert found.quality is not None
    assert found.audit_quality is not None
    agreed = both["annotator_1"] == both["annotator_2"]
    assert found.quality.of("all", "percent_agreement")[""].value == pytest.approx(agreed.mean())
    assert found.quality.n == len(both)
    assert found.audit_quality.of("all", "percent_agreement")[""].value == pytest.approx(agreed[both.index < 50].mean())
    assert set(found.quality.of("slice", "percent_agreement")) == {"channel=app", "channel=web"}
    kappa = ep.label_quality(both, list(TWO)).of("pair", "cohen_kappa")
    assert found.quality.of("pair", "cohen_kappa") == kappa
    assert found.quality.n_split == found.by_state["disputed"] - sum("?" in case.votes.values() for case in found.open)
    some = filled(queue, annotator_1=["neg"] * 120, annotator_2=["neg"] * 120)
    assert adjudicate(small(120, audit=30), some).audit_quality is not None
    assert adjudicate(small(120, audit=29), some).audit_quality is None
    assert adjudicate(queue, filled(queue, annotator_1=["neg"] * 120, annotator_2=[])).quality is None


def test_random_cases_count_by_their_weights_and_silent_annotators_not_at_all() -> None:
    queue = small(60, audit=60)
    cases = [dataclasses.replace(case, weight=9.0 if place < 30 else 1.0) for place, case in enumerate(queue.cases)]
    queue = dataclasses.replace(queue, cases=tuple(cases))
    votes = filled(queue, annotator_1=["neg"] * 60, annotator_2=["pos"] * 30 + ["neg"] * 30, annotator_3=[])
    found = adjudicate(queue, votes)
    assert found.quality is not None
    assert found.audit_quality is not None
    assert found.quality.annotators == TWO
    assert found.quality.of("all", "percent_agreement")[""].value == pytest.approx(0.5)
    assert found.audit_quality.of("all", "percent_agreement")[""].value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"annotator_1": "neg"}, {}, "a label takes two annotators or more, but only 'annotator_1' is among"),
        ({"anna": "neg", "bo": "neg"}, {}, "but none is among the columns .*--annotators a,b"),
        (dict.fromkeys(TWO, "neg"), {"annotators": ["annotator_1", "anotator_2"]}, "Did you mean 'annotator_2'"),
        (dict.fromkeys(TWO, "neg"), {"annotators": "annotator_1"}, "annotators is one text"),
        (dict.fromkeys(TWO, "neg"), {"adjudicated": "boss"}, "no file has a column 'boss'"),
        (dict.fromkeys(TWO, "neg"), {"adjudicated": "annotator_1"}, "is an annotator and the column of decisions"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(columns: dict[str, str], options: dict[str, Any], message: str) -> None:
    queue = small(2)
    with pytest.raises(DataError, match=message):
        adjudicate(queue, filled(queue, **{name: [vote] for name, vote in columns.items()}), **options)


def test_a_file_of_another_queue_and_no_file_and_an_empty_queue_are_refused() -> None:
    queue = small()
    votes = filled(queue, annotator_1=["neg"], annotator_2=["neg"])
    with pytest.raises(ColumnNotFound, match="has no column 'case_id', and none holds ids of the queue"):
        adjudicate(queue, votes.drop(columns="case_id"))
    with pytest.raises(DataError, match="no filled file is given"):
        adjudicate(queue, [])
    with pytest.raises(DataError, match="the queue has no cases"):
        adjudicate(Queue((), 0, 0, (), 0), votes)
    other = adjudicate(queue, votes.assign(case_id=[f"x{i}" for i in range(6)], text="?"))
    assert other.by_kind == {"unknown_id": 6, "lost_row": 6}
