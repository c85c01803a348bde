from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from mlflow_evalplus.core.selection.bradley_terry import ranking, sentence
from mlflow_evalplus.core.selection.verdicts import Pairwise
from tests.generated import inputs


def played(strengths: dict[str, float], questions: int, rng: np.random.Generator, judges: int = 1, alike: float = 0.0):
    """Draw the outcomes of all pairs; with this chance a judge says of a question what the first one says."""
    found = []
    for question in range(questions):
        for a, b in combinations(strengths, 2):
            chance = special.expit(strengths[a] - strengths[b])
            first = float(rng.random() < chance)
            for judge in range(judges):
                same = not judge or rng.random() < alike
                points = first if same else float(rng.random() < chance)
                found.append(Pairwise(f"j{judge}", f"W{question}", a, b, points))
    return found


def by_brute_force(outcomes: list[Pairwise]) -> dict[str, float]:
    """Maximise the likelihood, with its ties given beforehand, written as a loop over the outcomes."""
    names = sorted({name for outcome in outcomes for name in (outcome.a, outcome.b)})
    met: dict[tuple[str, str, str], list[float]] = {}
    for outcome in outcomes:
        met.setdefault((outcome.question, outcome.a, outcome.b), []).append(outcome.points)

    def loss(free: np.ndarray) -> float:
        strength = dict(zip(names, [*free, -free.sum()], strict=True))
        total = 0.0
        for (_, a, b), points in met.items():
            chance, mean = special.expit(strength[a] - strength[b]), sum(points) / len(points)
            total -= mean * math.log(chance) + (1 - mean) * math.log(1 - chance)
        for a, b in combinations(names, 2):
            chance = special.expit(strength[a] - strength[b])
            total -= 2 / len(names) * (math.log(chance) + math.log(1 - chance)) / 2
        return total

    free = optimize.minimize(loss, np.zeros(len(names) - 1), method="BFGS", options={"gtol": 1e-9}).x
    return dict(zip(names, [*free, -free.sum()], strict=True))


@settings(max_examples=inputs(40), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([*combinations("wxyz", 2)]), st.sampled_from([0, 0.5, 1])),
                min_size=1, max_size=25))  # fmt: skip
def test_strengths_are_those_of_the_likelihood_by_brute_force(drawn: list) -> None:
    outcomes = [Pairwise("j", f"W{q}", a, b, points) for q, (a, b), points in drawn]
    ranked = ranking(outcomes)
    if not ranked[0].strength.defined:
        assert all(math.isnan(row.strength.lower) for row in ranked)
        return
    expected = by_brute_force(outcomes)
    assert {row.name: row.strength.value for row in ranked} == pytest.approx(expected, abs=1e-5)
    assert sum(row.strength.value for row in ranked) == pytest.approx(0, abs=1e-9)
    for row in ranked:
        assert -math.inf < row.strength.lower < row.strength.value < row.strength.upper < math.inf
        assert row.wins + row.losses + row.ties == sum(row.name in (one.a, one.b) for one in outcomes)
        assert row.name not in row.tied


def test_of_many_outcomes_it_is_the_logistic_regression_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    outcomes = played({"a": 0.8, "b": 0.1, "c": -0.9}, 1500, rng)
    design = np.array([[(o.a == n) - (o.b == n) for n in "ab"] for o in outcomes], dtype=float)  # c is 0
    clusters = np.array([int(o.question[1:]) for o in outcomes])
    fitted = sm.Logit([o.points for o in outcomes], design).fit(
        disp=False, cov_type="cluster", cov_kwds={"groups": clusters}
    )
    centre = np.array([[2 / 3, -1 / 3], [-1 / 3, 2 / 3], [-1 / 3, -1 / 3]])
    errors = np.sqrt(np.diag(centre @ fitted.cov_params() @ centre.T))
    found = {row.name: row.strength for row in ranking(outcomes)}
    for name, value, error in zip("abc", centre @ fitted.params, errors, strict=True):
        assert found[name].value == pytest.approx(value, abs=2e-3)
        assert (found[name].upper - found[name].lower) / 2 == pytest.approx(1.96 * error, rel=0.01)


@pytest.mark.parametrize("n", [1, 3, 8, 20, 200])
def test_who_wins_all_has_finite_bounds_that_hold_the_chances_that_explain_it(n: int) -> None:
    first, last = ranking([Pairwise("j", f"W{i}", "x", "y", 1.0) for i in range(n)])
    assert (first.name, first.wins, last.losses) == ("x", n, n)
    assert first.strength.value - last.strength.value == pytest.approx(math.log(2 * n + 1))  # (n + 1/2) to 1/2
    assert -math.inf < first.strength.lower < first.strength.upper < math.inf
    assert first.strength.small_support == (n < 5)
    assert first.tied == (("y",) if n < 5 else ())
    least, most = (special.expit(2 * bound) for bound in (first.strength.lower, first.strength.upper))
    assert most**n > 0.975  # chances of x in a pair with y: of the highest it wins all nearly always
    if n > 5:
        assert 0.01 < least**n < 0.06  # and of the lowest about as seldom as the interval misses


def test_more_judges_who_only_repeat_each_other_make_nothing_surer() -> None:
    strengths = {"a": 0.5, "b": 0.0, "c": -0.5}
    one = ranking(played(strengths, 40, np.random.default_rng(3)))
    five = ranking(played(strengths, 40, np.random.default_rng(3), judges=5, alike=1.0))
    independent = ranking(played(strengths, 40, np.random.default_rng(3), judges=5))
    width = {name: rows[0].strength.upper - rows[0].strength.lower
             for name, rows in (("one", one), ("five", five), ("independent", independent))}  # fmt: skip
    assert [row.name for row in one] == [row.name for row in five]
    assert width["independent"] < 0.75 * width["one"]
    same = ranking([o._replace(judge=f"k{k}") for o in played(strengths, 40, np.random.default_rng(3))
                    for k in range(5)])  # fmt: skip
    assert [row.strength for row in same] == [row.strength for row in one]


def test_twins_in_one_cluster_widen_the_intervals() -> None:
    outcomes = played({"a": 0.5, "b": 0.0}, 60, np.random.default_rng(3))
    twins = outcomes + [o._replace(question=f"{o.question}-zh") for o in outcomes]
    clusters = {o.question: o.question.removesuffix("-zh") for o in twins}
    alone, together = (ranking(twins, given)[0].strength for given in (None, clusters))
    assert alone.value == together.value
    assert (together.upper - together.lower) / (alone.upper - alone.lower) == pytest.approx(math.sqrt(2), rel=0.06)


@pytest.mark.slow  # the standard errors are held against statsmodels above
def test_intervals_cover_and_equals_are_seldom_told_apart() -> None:
    """Sixty questions, three judges who agree half of the time, three candidates of whom two are alike."""
    rng, truth = np.random.default_rng(5), {"a": 0.6, "b": -0.3, "c": -0.3}
    covered, apart, found = [], 0, 0
    n = inputs(160)
    for _ in range(n):
        ranked = {row.name: row for row in ranking(played(truth, 60, rng, judges=3, alike=0.5))}
        covered += [ranked[name].strength.lower <= truth[name] <= ranked[name].strength.upper for name in truth]
        apart += "c" not in ranked["b"].tied
        found += "b" not in ranked["a"].tied
    print(f"covered {np.mean(covered):.3f}, alike but told apart {apart / n:.3f}, told apart {found / n:.3f}")
    assert 0.92 < np.mean(covered) < 0.98
    assert apart / n < 0.08
    assert found / n > 0.8


def test_groups_that_never_met_are_not_ranked() -> None:
    ranked = ranking([Pairwise("j", "W1", "a", "b", 1.0), Pairwise("j", "W1", "c", "d", 1.0)])
    assert [row.name for row in ranked] == ["a", "b", "c", "d"]
    assert not any(row.strength.defined for row in ranked)
    assert ranked[0].tied == ("b", "c", "d")
    assert "never compared" in sentence(ranked)


def test_nothing_judged_is_said() -> None:
    assert ranking([]) == ()
    assert sentence([]) == "No pair was judged."


def test_the_sentence_names_the_strongest_or_those_it_is_tied_with() -> None:
    clear = [Pairwise("j", f"W{i}", "x", "y", 1.0) for i in range(30)]
    assert sentence(ranking(clear)) == "The judges prefer x to every other candidate."
    close = clear + [Pairwise("j", f"W{i}", "x", "z", float(i % 2)) for i in range(30)]
    assert sentence(ranking(close)) == "The judges cannot tell x and z apart."


def test_a_bound_far_out_is_found() -> None:
    """Two questions leave one degree of freedom: bounds lie where the likelihood is a straight line."""
    found = ranking(
        [Pairwise("j", "W0", "x", "z", 0), Pairwise("j", "W1", "w", "x", 0), Pairwise("j", "W1", "x", "y", 1)]
    )
    assert all(math.isfinite(row.strength.lower) and math.isfinite(row.strength.upper) for row in found)
    assert all(row.strength.upper - row.strength.lower > 50 for row in found)
