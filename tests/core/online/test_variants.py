from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlflow_evalplus.core.online.variants import chosen, sample_ratio
from mlflow_evalplus.errors import DataError


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        (["A", "B"], (None, None), ("A", "B")),
        (["Control", "new"], (None, None), ("Control", "new")),
        (["challenger", " champion "], (None, None), (" champion ", "challenger")),
        (["x", "y"], ("y", None), ("y", "x")),
        (["a", "baseline", "c"], ("c", "a"), ("c", "a")),
        (["a", "baseline"], (None, "a"), ("baseline", "a")),  # what is the treatment is not the control
    ],
)
def test_the_control_is_the_one_that_is_named_so(known: list[str], given: tuple, expected: tuple[str, str]) -> None:
    assert chosen(known, *given) == expected


@pytest.mark.parametrize(
    ("known", "given", "said"),
    [
        (["x", "y"], (None, None), r"none is named control.*\['x', 'y'\]"),
        (["a", "control", "z"], (None, "z"), "several may be the control"),
        (["a", "b", "c"], (None, None), "which variant is the treatment"),
        (["a", "banana"], (None, "bananna"), "Did you mean 'banana'"),
        (["a", "b"], ("b", "b"), "are both 'b'"),
    ],
)
def test_what_is_not_clear_is_asked_with_the_variants_listed(known: list[str], given: tuple, said: str) -> None:
    with pytest.raises(DataError, match=said):
        chosen(known, *given)


def test_sizes_are_held_against_the_intended_split() -> None:
    codes = np.repeat([0, 1, 2, -1], [880, 60, 60, 5])
    p_value, _ = sample_ratio(codes, ["a", "b", "c"], {"a": 90, "b": 5, "c": 5}, None)
    assert p_value == pytest.approx(stats.chisquare([880, 60, 60], [900, 50, 50]).pvalue)
    p_value, words = sample_ratio(codes, ["a", "b", "c"], None, None)
    assert p_value < 1e-9
    assert "rows: a 880, b 60, c 60" in words


def test_users_are_counted_where_most_of_them_met_one_variant() -> None:
    """Rows of one user come together: their number may differ by much more than chance splits rows."""
    users = np.repeat(np.arange(200), np.where(np.arange(200) % 2, 1, 9))
    p_value, words = sample_ratio(users % 2, ["a", "b"], None, users)
    assert p_value == 1
    assert "users: a 100, b 100" in words
    crossed, words = sample_ratio(np.arange(len(users)) % 2, ["a", "b"], None, users // 2)
    assert "rows" in words
    assert crossed > 0.9


@pytest.mark.parametrize("split", [{"a": 1}, {"a": 1, "b": 0}, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": float("nan")}])
def test_a_split_that_does_not_fit_the_variants_is_refused(split: dict[str, float]) -> None:
    with pytest.raises(DataError, match="split must give each variant"):
        sample_ratio(np.array([0, 1]), ["a", "b"], split, None)
