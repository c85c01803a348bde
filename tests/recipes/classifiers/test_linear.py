"""Words and characters of texts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.errors import DataError
from recipes.classifiers import serving
from recipes.classifiers.linear import TOKEN
from tests.recipes.classifiers.conftest import fitted


def test_chinese_is_not_split_at_spaces(tmp_path: Path) -> None:
    """At spaces a whole Chinese sentence would be one token that no other message holds."""
    assert re.findall(TOKEN, "客服很好!") == ["客", "服", "很", "好", "!"]
    assert re.findall(TOKEN, "I can't wait, 退款to我？") == ["I", "can't", "wait", "退", "款", "to", "我", "？"]
    texts = ["服务很差，我要退款", "退款很慢，差", "服务很好，谢谢", "谢谢，很好"]
    fitted("words", pd.DataFrame({"text": texts, "label": list("nnpp")}), tmp_path / "model")
    model = serving.load(tmp_path / "model")
    features = model.pipeline.named_steps["features"].get_feature_names_out()
    assert {"退 款", "谢 谢", "很 好"} <= set(features)
    assert model.scores(["你们的退款太差", "谢谢你们"]).argmax(axis=1).tolist() == [0, 1]


def test_the_same_seed_gives_the_same_model(messages: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("first", "second"):
        fitted("words_chars", messages.head(150), tmp_path / name, seed=3)
    first, second = (serving.load(tmp_path / name).scores(messages["text"].tail(50)) for name in ("first", "second"))
    assert np.array_equal(first, second)


def test_texts_without_a_word_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 2 training texts holds a word"):
        fitted("words", pd.DataFrame({"text": ["…", "—"], "label": ["a", "b"]}), tmp_path / "model")
