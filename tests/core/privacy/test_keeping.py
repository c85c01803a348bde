"""How texts, sentences, words and whole evaluations are kept."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core.privacy.evaluation import stored
from mlflow_evalplus.core.privacy.keeping import Keeper, are_kept, hashed
from mlflow_evalplus.requirements import Requirements, load
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.word_attribution import WordAttribution, WordContribution

MODES = ("masked", "hash", "none")


def evaluated(mode: str) -> Evaluation:
    texts = [f"call 138001{i:05d} now" if i % 3 else "call me" for i in range(60)]
    frame = pd.DataFrame({"text": texts, "label": ["a", "b"] * 30, "prediction": ["a", "b", "a", "a"] * 15})
    return ep.evaluate(frame, store_text=mode)


def test_a_hash_is_under_the_key_and_the_key_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVALPLUS_TEXT_KEY", raising=False)
    assert hashed("晚了") == "sha256:" + hashlib.sha256("晚了".encode()).hexdigest()[:32]
    monkeypatch.setenv("EVALPLUS_TEXT_KEY", "secret")
    assert hashed("晚了") == "hmac:" + hmac.new(b"secret", "晚了".encode(), "sha256").hexdigest()[:32]
    assert not are_kept([hashed("a"), "", hashed("b")])
    assert are_kept(["", "a"])


@pytest.mark.parametrize(
    ("shown", "kept"),
    [("call me on 138123456…", "call me on …"), ("write to anna@exam…", "write to …"), ("电话1381234 56…", "电话…"),
     ("it was late, so I…", "it was late, so …"), ("call 13812345678 now", "call [phone] now")],
)  # fmt: skip
def test_the_beginning_of_a_number_goes_with_it(shown: str, kept: str) -> None:
    assert Keeper("masked").cut(shown) == kept


def test_a_sentence_quotes_only_what_is_known() -> None:
    keeper = Keeper("none", ["my parcel is late"], frozenset({"app", "it's"}))
    assert keeper.prose("'app' is 3 % of the rows, \"it's\" and “late” are more") == (
        "'app' is 3 % of the rows, \"it's\" and “…” are more"
    )
    assert keeper.prose("the model's answer and the row's label") == "the model's answer and the row's label"
    assert keeper.note("ValueError: my parcel is late is no number") == "A note that repeats a text is left out."
    masked = Keeper("masked", ["ask anna@example.com or call"])
    assert masked.prose("texts with words such as anna, example, call") == "texts with words such as …, …, call"
    assert [masked.word(one) for one in ("anna", "…xampl…", "call", "138 1234 5678")] == [
        "(left out)", "(left out)", "call", "(left out)",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_what_is_stored_twice_is_stored_once_and_figures_stay(mode: str) -> None:
    full = ep.attribute(evaluated("full"))
    once = stored(full, mode)
    twice = stored(once, mode)
    assert once == twice
    assert once.predictions.table.equals(twice.predictions.table)
    assert (once.metrics, once.data_digest) == (full.metrics, full.data_digest)
    ids = full.predictions.with_ids().table["example_id"]
    assert once.predictions.table["example_id"].equals(ids)
    assert full.predictions.table["text"][1].as_py() == "call 13800100001 now"  # the one at hand is not changed


def test_texts_in_full_are_the_same_object_and_no_key_more() -> None:
    full = evaluated("full")
    assert stored(full) is full
    assert "store_text" not in full.requirements.model_dump_json()
    assert evaluated("none").requirements.model_dump()["store_text"] == "none"


def test_the_digest_of_requirements_knows_nothing_of_it() -> None:
    assert Requirements(store_text="hash").digest == Requirements().digest
    with pytest.raises(ep.EvalPlusError, match="store_text"):
        load({"store_text": "mask"})


@settings(max_examples=50)
@given(st.text(max_size=200), st.sampled_from(MODES))
def test_any_text_is_kept_twice_as_once(text: str, mode: str) -> None:
    keeper = Keeper(mode)
    assert keeper.text(keeper.text(text)) == keeper.text(text)


def test_words_that_push_the_model_are_left_out_and_their_figures_stay() -> None:
    full = ep.attribute(evaluated("full"))
    pushing = WordAttribution("exact", 1, 1, 0, (WordContribution("a", "b", "call", 1, 0.5, 0.1, ()),))
    full = replace(full, attribution=replace(full.attribution, words=pushing))
    kept = {mode: stored(full, mode).attribution.words.rows[0] for mode in MODES}
    assert {mode: row.word for mode, row in kept.items()} == {
        "masked": "call", "hash": "(left out 1)", "none": "(left out 1)",
    }  # fmt: skip
    assert {row.contribution for row in kept.values()} == {0.5}
