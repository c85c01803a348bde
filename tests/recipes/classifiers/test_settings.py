"""Settings in one line."""

from __future__ import annotations

import pytest

from mlflow_evalplus.errors import DataError
from recipes.classifiers.settings import read_settings


def test_numbers_and_truth_become_such_and_all_else_stays_text() -> None:
    given = read_settings(" epochs=2,learning_rate = 3e-5,fast=True, name=bert-base ,")
    assert given == {"epochs": 2, "learning_rate": 3e-5, "fast": True, "name": "bert-base"}
    assert read_settings("") == {}


@pytest.mark.parametrize("text", ["epochs", "=3", "epochs=", "epochs=1,epochs=2"])
def test_what_has_no_name_no_value_or_two_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^setting "):
        read_settings(text)
