from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlflow_evalplus.core.columns import select
from mlflow_evalplus.core.online.outcomes import as_numbers, is_binary, scale_points
from mlflow_evalplus.errors import DataError


def numbers(values: list[Any], scale: list[Any] | None = None) -> list[float]:
    found = as_numbers(select(pd.DataFrame({"outcome": values}), ["outcome"])["outcome"], "outcome", scale)
    return [None if np.isnan(x) else x for x in found.tolist()]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 0, 1], [1, 0, 1]),
        ([1.5, None, -2], [1.5, None, -2]),
        ([True, False], [1, 0]),
        ([True, None, False], [1, None, 0]),
        (["Yes", "no ", None, "YES"], [1, 0, None, 1]),
        (["pass", "fail"], [1, 0]),
        (["4", "3.5"], [4, 3.5]),
        ([0.1 + 0.2, 1e-300], [0.1 + 0.2, 1e-300]),
    ],
)
def test_numbers_and_yes_and_no_are_read_as_they_come(given: list[Any], expected: list[Any]) -> None:
    assert numbers(given) == expected


def test_words_of_a_scale_count_by_their_place_and_its_numbers_as_themselves() -> None:
    assert numbers(["bad", "good", "OK"], ["bad", "ok", "good"]) == [1, 3, 2]
    assert numbers([1, 5, 5.0], [1, 3, 5]) == [1, 5, 5]
    assert scale_points(["1", "2.0"]) == {"1": 1.0, "2": 2.0}


@pytest.mark.parametrize(
    ("given", "scale", "said"),
    [
        (["great", "yes"], None, "holds 'great'|holds \\['great'\\]"),
        (["yes", "1"], None, "\\['1'\\]"),
        ([1.0, float("inf")], None, "finite numbers"),
        ([1, 6], [1, 2, 3, 4, 5], "ratings of the scale"),
        ([1, 2], [2, 1], "from the worst to the best"),
        (["a"], ["a", "A"], "different ratings"),
        (["a"], ["a"], "must list"),
        (["<script>" * 20_000], None, "finite numbers"),
        (pd.to_datetime(["2024-01-01"]), None, "timestamp"),
    ],
)
def test_what_is_no_outcome_is_refused_in_a_short_sentence(given: Any, scale: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        numbers(given, scale)
    assert len(str(error.value)) < 500


def test_only_0_and_1_are_yes_and_no() -> None:
    assert is_binary(np.array([0, 1, np.nan]))
    assert not is_binary(np.array([0, 2.0]))
    assert not is_binary(np.array([np.nan]))
    assert not is_binary(as_numbers(pa.chunked_array([[None, None]], pa.string()), "outcome"))
