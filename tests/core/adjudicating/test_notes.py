"""What is said beside the labels."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.results.adjudication import Adjudication
from mlflow_evalplus.results.queue import Queue
from tests.core.adjudicating.queues import filled, small

SAYS = "audited cases are open: an accuracy by the settled ones alone is too high until they are decided"


def about_open(found: Adjudication) -> list[str]:
    return [note for note in found.notes if SAYS in note]


def simulated(n: int, seed: int) -> tuple[Queue, np.ndarray, np.ndarray]:
    """Return an audit of which a third is hard: the model errs there in half of the cases, and annotators differ."""
    rng = np.random.default_rng(seed)
    hard, gold = rng.random(n) < 1 / 3, rng.choice(["neg", "pos"], n)
    right = rng.random(n) < np.where(hard, 0.5, 0.95)
    queue = small(n, audit=n)
    answers = np.where(right, gold, np.where(gold == "neg", "pos", "neg"))
    cases = [dataclasses.replace(case, prediction=str(a)) for case, a in zip(queue.cases, answers, strict=True)]
    return dataclasses.replace(queue, cases=tuple(cases)), gold, hard


def test_an_audit_that_is_open_in_part_is_said_to_flatter_and_does() -> None:
    shares = []
    for seed in range(4):
        queue, gold, hard = simulated(150, seed)
        votes = {"annotator_1": gold, "annotator_2": np.where(hard, np.where(gold == "neg", "pos", "neg"), gold)}
        found = adjudicate(queue, filled(queue, **votes), labels=["neg", "pos"])
        assert about_open(found)[0].startswith(f"{hard.sum()} of 150 audited cases are open: ")
        decided = adjudicate(queue, filled(queue, **votes, adjudicated=gold), labels=["neg", "pos"])
        assert (len(decided.accepted), about_open(decided)) == (150, [])
        shares.append([np.mean([c.label == c.prediction for c in one.accepted]) for one in (found, decided)])
    settled, all_of_them = np.mean(shares, axis=0)
    assert settled > all_of_them + 0.1


def test_nothing_is_said_where_no_audited_case_is_open_or_none_is_settled() -> None:
    queue = small(6, audit=2)
    only_others = filled(queue, annotator_1=["neg"] * 6, annotator_2=["neg"] * 2)
    half = filled(queue, annotator_1=["neg", "neg"], annotator_2=["neg", ""])
    assert about_open(adjudicate(queue, half)) == []
    assert (
        adjudicate(queue, half).notes[-1].endswith("by the settled ones alone leaves them out until they are labelled.")
    )
    nobody = filled(queue, annotator_1=["", "", "neg"], annotator_2=["", "", "neg"])
    assert about_open(adjudicate(queue, only_others)) == about_open(adjudicate(queue, nobody)) == []
