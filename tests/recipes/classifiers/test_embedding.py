"""Frozen embeddings: what they are, that each text is encoded once, and that the models of a tree share the network."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlflow_evalplus.errors import DataError
from recipes.classifiers import checkpoint as checkpoints
from recipes.classifiers import embedding, serving
from recipes.classifiers.job import write_model
from tests.recipes.classifiers import tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return tiny.checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.mark.slow
def test_an_embedding_is_the_mean_of_the_tokens_that_are_there(checkpoint: Path) -> None:
    """Text by text, so without padding, against the network itself."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), AutoModel.from_pretrained(checkpoint).eval()
    texts = ["good", "word1 bad word2 word3 word4", "", "fair"]
    found = embedding.embeddings(checkpoints.find(str(checkpoint)), texts, 32)
    for text, vector in zip(texts, found, strict=True):
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        expected = hidden.mean(axis=0) / np.linalg.norm(hidden.mean(axis=0))
        np.testing.assert_allclose(vector, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)


@pytest.mark.slow
def test_a_text_is_encoded_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    embed = serving.embed
    monkeypatch.setattr(serving, "embed", lambda network, texts: encoded.extend(texts) or embed(network, texts))
    monkeypatch.setattr(embedding, "_kept", {})
    known = checkpoints.find(str(checkpoint))
    first = embedding.embeddings(known, ["good", "bad", "good"], 32)
    assert encoded == ["good", "bad"]
    np.testing.assert_array_equal(first[0], first[2])
    again = embedding.embeddings(known, ["bad", "fair"], 32)
    assert encoded == ["good", "bad", "fair"]
    np.testing.assert_array_equal(again[0], first[1])
    embedding.embeddings(known, ["bad"], 16)  # cut elsewhere, it may be another vector
    assert encoded[3:] == ["bad"]
    monkeypatch.setattr(embedding, "MAX_KEPT", 4)
    whole = embedding.embeddings(known, ["bad", "word1"], 32)  # beyond the limit it begins anew
    assert encoded[4:] == ["bad", "word1"]
    np.testing.assert_allclose(whole[0], first[1], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [2, 3])
def test_the_served_scores_are_those_of_the_regression(labels: int, checkpoint: Path, tmp_path: Path) -> None:
    job = tiny.job(tmp_path)
    chosen = [i for i, label in enumerate(job.labels) if label in list(tiny.TELLING.values())[:labels]]
    job = replace(job, texts=[job.texts[i] for i in chosen], labels=[job.labels[i] for i in chosen])
    embedding.fit(job, str(checkpoint))
    strength = json.loads((job.folder / "model.json").read_text(encoding="utf-8"))["strength"]
    vectors = embedding.embeddings(checkpoints.find(str(checkpoint)), job.texts, 128)
    oracle = LogisticRegression(C=strength, max_iter=1000).fit(vectors, job.labels)
    model = serving.load(job.folder)
    texts = tiny.rows(50, seed=9)[0]
    expected = oracle.predict_proba(embedding.embeddings(checkpoints.find(str(checkpoint)), texts, 128))
    assert model.labels == list(oracle.classes_)
    np.testing.assert_allclose(model.scores(texts), expected, atol=1e-5)
    assert model.scores([]).shape == (0, labels)


@pytest.mark.slow
def test_the_models_of_one_tree_share_the_network(checkpoint: Path, tmp_path: Path) -> None:
    jobs = []
    for place in ("fallback", "values/0"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        jobs.append(replace(tiny.job(tmp_path / "spare"), folder=folder, root=tmp_path))
        embedding.fit(jobs[-1], str(checkpoint))
    write_model(tmp_path, "scenario", jobs[0].classes, column="line", fallback="fallback", values={"cards": "values/0"})
    assert len(list((tmp_path / "encoders").iterdir())) == 1
    assert {path.name for path in (tmp_path / "values" / "0").iterdir()} == {"head.npz", "model.json"}
    model = serving.load(tmp_path)
    assert model.fallback.encoder is model.models["cards"].encoder
    with np.load(tmp_path / "fallback" / "head.npz", allow_pickle=False) as head:  # it refuses a pickle
        assert set(head.files) == {"weights", "intercept"}
    assert model.scores(["good", "bad"], ["cards", None]).shape == (2, 3)


@pytest.mark.slow
def test_few_rows_of_a_label_need_no_cross_validation(checkpoint: Path, tmp_path: Path) -> None:
    job = replace(tiny.job(tmp_path), texts=["good", "bad", "good word1"], labels=["+", "-", "+"])
    embedding.fit(job, str(checkpoint))
    assert json.loads((job.folder / "model.json").read_text())["strength"] == embedding.STRENGTHS[1]


def test_without_torch_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DataError, match=r"need 'torch'.*pip install 'mlflow-evalplus\[transformers\]'"):
        embedding.fit(tiny.job(tmp_path))
