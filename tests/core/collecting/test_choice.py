from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.collecting.choice import Groups, audit_size, choose, draw_audit, ranking
from mlflow_evalplus.core.collecting.reasons import Signal


class Given:
    """Draws what it is told to."""

    def __init__(self, sample: tuple[int, ...]) -> None:
        self.sample = sample

    def choice(self, n: int, size: int, replace: bool) -> np.ndarray:
        assert (size, replace) == (len(self.sample), False)
        return np.array(self.sample)


def groups_of(codes: list[int], served: tuple[int, ...] = ()) -> Groups:
    of_row = np.array(codes)
    marked = np.isin(np.arange(of_row.max() + 1), served)
    return Groups(of_row, of_row, marked)


def test_the_weighted_accuracy_of_the_audit_is_unbiased_exactly() -> None:
    """Over all ordered samples of three rows, with copies that are not all answered alike."""
    groups, right = groups_of([0, 0, 0, 1, 1, 2]), np.array([1, 0, 1, 1, 0, 0])
    estimates, total = [], []
    for sample in permutations(range(6), 3):
        audit = draw_audit(np.arange(6), groups, 3, Given(sample))  # type: ignore[arg-type]
        weights = [audit.weight * case.times for case in audit.cases]
        estimates.append(sum(weight * right[case.row] for weight, case in zip(weights, audit.cases, strict=True)) / 6)
        total.append(sum(weights))
        assert len({case.group for case in audit.cases}) == len(audit.cases)
    assert np.mean(estimates) == pytest.approx(right.mean(), abs=1e-12)
    assert total == pytest.approx([6.0] * len(total))


def test_an_audit_of_more_rows_than_there_are_takes_each_once() -> None:
    audit = draw_audit(np.array([4, 1]), groups_of([0, 1, 1, 2, 3]), 9, np.random.default_rng(0))
    assert (audit.n, audit.weight) == (2, 1.0)
    assert {(case.row, case.group, case.times) for case in audit.cases} == {(1, 1, 1), (4, 3, 1)}
    empty = draw_audit(np.zeros(0, dtype=np.int64), groups_of([0]), 3, np.random.default_rng(0))
    assert (empty.cases, empty.n) == ([], 0)
    assert np.isnan(empty.weight)


def test_more_is_drawn_at_random_where_too_few_texts_have_a_reason() -> None:
    groups = groups_of([0, 0, *range(1, 9)])  # ten rows of nine texts
    found = [signal("wrong", [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]), signal("low_margin", [0, 0, 0.5, *[0] * 7])]
    assert audit_size(20, 0.0, found, groups) == 0
    assert audit_size(2, 0.5, found, groups) == 1
    assert audit_size(5, 0.2, found, groups) == 4  # two texts have one, three are missing, and 3 rows of 10 are theirs
    assert audit_size(5, 0.2, [], groups) == 5
    served = groups_of([0, 0, *range(1, 9)], served=(1,))
    assert audit_size(5, 0.2, found, served) == 5
    assert audit_size(3, 0.4, [signal("wrong", [1.0] * 10)], groups) == 1


def signal(reason: str, scores: list[float], kinds: list[int] | None = None) -> Signal:
    return Signal(reason, np.array(scores), np.array(kinds or [0] * len(scores)), "")


def names(found: list[Any]) -> list[tuple[str, int]]:
    return [(one.reason, one.group) for one in found]


def test_the_budget_is_shared_and_what_a_reason_cannot_fill_flows_on() -> None:
    groups, ties = groups_of(list(range(12))), np.arange(12.0)
    found = [
        signal("wrong", [1, 1, *[0] * 10]),
        signal("disagreement", [0] * 12),
        signal("low_margin", [0, 0, *[1] * 10], list(range(12))),
    ]
    chosen = names(choose(found, groups, set(), 9, ties))
    assert [reason for reason, _ in chosen].count("wrong") == 2
    assert [reason for reason, _ in chosen].count("low_margin") == 7
    assert len({group for _, group in chosen}) == 9
    few = names(choose(found[:1] + found[2:], groups, set(), 3, ties))
    assert [reason for reason, _ in few] == ["wrong", "wrong", "low_margin"]  # the surest first, but not it only
    assert names(choose(found, groups, set(range(1, 12)), 9, ties)) == [("wrong", 0)]


def test_many_copies_come_first_and_ten_cases_of_one_kind_do_not_come_together() -> None:
    codes = [0, 1, 1, 1, *range(2, 12)]
    groups = groups_of(codes)
    found = signal("unknown_words", [0.5] * 4 + [0.4] * 9 + [0.09], [7, 8, 8, 8, *[9] * 9, 6])
    order = [one.group for one in ranking(found, groups, np.ones(12, dtype=np.bool_), np.arange(12.0))]
    assert order[:5] == [1, 0, 2, 3, 4]
    assert order.index(11) == 6  # 0.09 comes before the fifth 0.4 of a kind, which is worth 0.08
    assert sorted(order) == list(range(12))


def test_a_group_is_shown_by_its_most_frequent_text_for_which_the_reason_holds() -> None:
    groups = Groups(np.zeros(6, dtype=np.int64), np.array([0, 0, 0, 1, 1, 2]), np.zeros(1, dtype=np.bool_))
    for scores, row in (([0, 0.1, 0.2, 0.9, 0.9, 0], 2), ([0, 0, 0, 0.5, 0.6, 0.9], 4), ([0] * 5 + [1], 5)):
        (one,) = ranking(signal("wrong", scores), groups, np.ones(1, dtype=np.bool_), np.zeros(1))
        assert one.row == row


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.5])), min_size=1),
    st.integers(1, 9),
    st.sets(st.integers(0, 6)),
)
def test_no_group_is_chosen_twice_or_without_a_reason(
    rows: list[tuple[int, float, float]], budget: int, taken: set[int]
) -> None:
    codes = np.unique([code for code, _, _ in rows], return_inverse=True)[1].tolist()
    groups = groups_of(codes)
    taken &= set(codes)
    found = [signal("wrong", [one for _, one, _ in rows]), signal("low_margin", [two for _, _, two in rows])]
    chosen = choose(found, groups, taken, budget, np.random.default_rng(0).random(len(groups.served)))
    worth = {code for code, (_, one, two) in zip(codes, rows, strict=True) if one or two} - taken
    assert len({one.group for one in chosen}) == len(chosen) == min(budget, len(worth))
    by_name = {one.reason: one for one in found}
    assert all(by_name[one.reason].scores[one.row] > 0 and groups.of_row[one.row] == one.group for one in chosen)
