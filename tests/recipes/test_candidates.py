"""The iterations of the recipe: which there are, what they learn from, and what its rules say."""

from __future__ import annotations

import re
from collections import defaultdict

import pandas as pd
import pytest
import yaml

from mlflow_evalplus.errors import DataError
from recipes.classifiers.candidate import parse
from recipes.sentiment.candidates import DEFAULT, PRESETS, RULES, choose, training_rows
from tests.recipes.classifiers.conftest import SHIPPED


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    return pd.read_csv(SHIPPED)


def test_rules_name_labels_that_exist_and_point_the_right_way(messages: pd.DataFrame) -> None:
    """Held against the training part only, as the rules were written from it, label by label: one rule is rare."""
    train = messages.sample(frac=0.8, random_state=0)
    matching = defaultdict(list)
    for rule in yaml.safe_load(RULES.read_text(encoding="utf-8")):
        assert rule["weight"] > 0
        hits = train["text"].map(lambda text, rule=rule: re.search(rule["pattern"], text, re.IGNORECASE) is not None)
        assert hits.any(), rule
        matching[rule["label"]] += train["label"][hits].tolist()
    assert set(matching) == set(messages["label"])
    for label, found in matching.items():
        assert found.count(label) / len(found) > train["label"].eq(label).mean() + 0.2


def test_unknown_candidate_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown candidate 'word'; candidates are .*Did you mean 'words'\?"):
        choose("majority, word")
    assert [c.name for c in choose(" words_chars ,words,words")] == ["words_chars", "words"]
    assert [c.name for c in choose("")] == list(DEFAULT)


def test_the_names_of_the_recipe_stand_for_lines_that_anybody_can_write() -> None:
    for name, line in PRESETS.items():
        (candidate,) = choose(name)
        assert candidate.name == name
        assert candidate.same_as(parse(line))


def test_what_is_asked_for_without_further_words_needs_no_torch() -> None:
    assert not any(candidate.heavy for candidate in choose(""))
    assert [candidate.heavy for candidate in choose("embedding,transformer+rules")] == [True, True]


def test_consensus_learns_only_from_rows_whose_annotators_agree(messages: pd.DataFrame) -> None:
    votes = ("annotator_a", "annotator_b")
    (consensus,), (words,) = choose("consensus"), choose("words")
    rows = training_rows(consensus, messages, votes)
    agreeing = [r["message_id"] for r in messages.to_dict("records") if r["annotator_a"] == r["annotator_b"]]
    assert rows["message_id"].tolist() == agreeing
    assert training_rows(words, messages, votes) is messages
    with pytest.raises(DataError, match="'consensus' needs the votes of two annotators"):
        training_rows(consensus, messages, votes[:1])
