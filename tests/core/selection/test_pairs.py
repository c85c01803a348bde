from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from mlflow_evalplus.core.selection.layouts import layouts
from mlflow_evalplus.core.selection.measures import Measure
from mlflow_evalplus.core.selection.pairs import all_pairs, best_of, n_needed, shown_below, told_apart
from mlflow_evalplus.core.selection.priorities import utility
from mlflow_evalplus.requirements import SelectionRules
from mlflow_evalplus.results.selection import PairDifference
from tests.core.selection.worlds import found, questions

ASKED = questions(200, ("a", "b"))


def pairs(rates: dict[str, float], seed: int = 0, n: int = 200) -> tuple[PairDifference, ...]:
    rng, asked = np.random.default_rng(seed), questions(n, ("a", "b"))
    facts = {name: found(asked, (rng.random(n) < rate) * 1.0) for name, rate in rates.items()}
    measure = Measure(layouts(asked, {}), 0.95)
    valued = utility(facts, measure.layouts, SelectionRules(weights={"accuracy": 1}), "accuracy")
    return all_pairs(list(rates), facts, measure, valued)


def test_every_two_are_held_against_each_other_and_corrected_for_it() -> None:
    found = pairs({"x": 0.9, "y": 0.8, "z": 0.5})
    assert [(pair.a, pair.b) for pair in found] == [("x", "y"), ("x", "z"), ("y", "z")]
    expected = multipletests([pair.utility.p_value for pair in found], method="holm")[1]
    assert [pair.p_holm for pair in found] == pytest.approx(list(expected))
    # with accuracy alone the utility is the score
    assert [pair.utility.value for pair in found] == pytest.approx([pair.score.value for pair in found])
    for pair in found:
        assert np.mean([each.value for each in pair.dimensions.values()]) == pytest.approx(pair.score.value)


def test_told_apart_whichever_is_named_first() -> None:
    found = pairs({"x": 0.95, "z": 0.5})
    assert told_apart(found, "x", "z", 0.95)
    assert told_apart(found, "z", "x", 0.95)
    assert found[0].n_needed is None, "told apart already"
    assert shown_below(found, 0.95) == {("z", "x")}
    assert shown_below(pairs({"z": 0.5, "x": 0.95}), 0.95) == {("z", "x")}
    assert shown_below(pairs({"x": 0.9, "y": 0.9}), 0.95) == set()


def test_so_many_questions_would_tell_them_apart() -> None:
    """Asked so many times over, the same answers do."""
    rng = np.random.default_rng(3)
    a, b = ((rng.random(100) < rate) * 1.0 for rate in (0.85, 0.78))
    asked = questions(100, ("a",), twins=False)

    def p_holm(times: int) -> PairDifference:
        many = questions(100 * times, ("a",), twins=False)
        facts = {"a": found(many, np.tile(a, times)), "b": found(many, np.tile(b, times))}
        measure = Measure(layouts(many, {}), 0.95)
        valued = utility(facts, measure.layouts, SelectionRules(weights={"accuracy": 1}), "accuracy")
        return all_pairs(["a", "b"], facts, measure, valued)[0]

    first = p_holm(1)
    assert first.n_needed is not None
    times = first.n_needed / len(asked)
    assert p_holm(math.ceil(times * 1.15)).p_holm < 0.05 < p_holm(math.floor(times * 0.85)).p_holm


@pytest.mark.parametrize(("p", "needed"), [(math.nan, None), (1.0, None), (0.999, None), (0.0500001, 101)])
def test_no_number_is_named_where_none_would_do(p: float, needed: int | None) -> None:
    assert n_needed(p, 100, 0.05) == needed


def test_who_is_best_in_a_dimension_and_with_whom_tied() -> None:
    found = pairs({"x": 0.95, "y": 0.93, "z": 0.4})
    scores = {"x": 0.95, "y": 0.93, "z": 0.4, "dead": math.nan}
    assert best_of(scores, found, "a", 0.95) == ("x", "y")
    assert best_of({"dead": math.nan}, (), "a", 0.95) == ()
    assert best_of({"x": 0.5}, (), "a", 0.95) == ("x",)
    # z left the hard questions out: its own score is the highest, and it is below the others wherever both answered
    assert best_of({"z": 0.99, "x": 0.95, "y": 0.93}, found, "a", 0.95) == ("x", "y")
