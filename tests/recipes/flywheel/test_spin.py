"""The wheel in memory: what is hidden from the choice, and what is learnt after it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recipes.flywheel.spin import at_random, fit, right, scored, spin
from recipes.flywheel.stream import Stream

WORDS = {"good": ["fine nice", "nice good"], "bad": ["awful sad", "sad bad"]}


def stream(months: int = 12, each: int = 8) -> Stream:
    """Return a year in which a new word for each label comes in July."""
    rows = []
    for month in range(1, months + 1):
        for i in range(each):
            label = ("good", "bad")[i % 2]
            word = {"good": "zing", "bad": "zorp"}[label] if month > 6 else WORDS[label][i // 2 % 2]
            rows.append((f"r{month}-{i}", f"2025-{month:02d}", f"{word} item {i // 2}", label))
    frame = pd.DataFrame(rows, columns=["row_id", "month", "text", "label"])
    return Stream(frame, pd.Series(frame.index < 4))


def test_what_is_chosen_sees_no_label_and_is_learnt_before_the_next_month() -> None:
    seen = []

    def choose(log: pd.DataFrame, train: pd.DataFrame, budget: int, seed: int) -> np.ndarray:
        seen.append((list(log.columns), len(train), seed))
        return np.arange(budget)

    spun = spin(stream(), choose, 4, seed=9)
    assert [(n, seed) for _, n, seed in seen] == [(44, 9), (48, 10), (52, 11)]
    assert all("label" not in columns for columns, _, _ in seen)
    assert {"prediction", "score.good", "score.bad"} <= set(seen[0][0])
    assert (len(spun.models), spun.n_labels) == (4, 12)


def test_labels_of_new_words_bring_the_accuracy_back() -> None:
    year = stream()
    spun = spin(year, at_random, 6, seed=0)
    assert right(spun.models[0], year.judged).mean() < 0.9
    assert right(spun.last, year.judged).all()


def test_scores_are_those_of_the_prediction() -> None:
    year = stream()
    log = scored(fit(year.first), year.judged)
    best = log[["score.bad", "score.good"]].idxmax(axis=1).str.removeprefix("score.")
    assert (best == log["prediction"]).all()


def test_random_rows_are_a_sample_without_replacement_of_the_seed() -> None:
    log = pd.DataFrame({"text": ["x"] * 30})
    one, same, other = (at_random(log, log, 10, seed) for seed in (1, 1, 2))
    assert len(set(one)) == 10
    assert one.tolist() == same.tolist() != other.tolist()
    assert sorted(at_random(log, log, 99, 0)) == list(range(30))
