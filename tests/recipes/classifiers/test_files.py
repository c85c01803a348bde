"""Files that a library cannot use, or cannot write, end in one sentence; so does a tokenizer without words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlflow_evalplus.errors import DataError
from recipes.classifiers import embedding, serving, transformer
from recipes.classifiers.files import writing
from tests.recipes.classifiers import tiny

KINDS = pytest.mark.parametrize("kind", [embedding, transformer])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return tiny.checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a GPT-2 of bytes: its tokenizer adds no special tokens, so an empty text has none at all."""
    pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bytewise")
    tokens = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    GPT2Model(GPT2Config(vocab_size=len(tokens), n_embd=16, n_layer=1, n_head=1, n_positions=66)).save_pretrained(
        folder
    )
    return folder


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of the checkpoint, for a test to damage."""
    return Path(shutil.copytree(whole, tmp_path / "damaged"))


def short(folder: Path, **more: Any) -> Any:
    return tiny.job(folder, {"epochs": 1}, **{"n": 32, "held_out_texts": (), "held_out_labels": (), **more})


@KINDS
def test_an_empty_text_is_one_token_where_a_tokenizer_adds_none(kind: Any, bytewise: Path, tmp_path: Path) -> None:
    job = short(tmp_path)
    texts = ["", *job.texts[1:]]
    kind.fit(replace(job, texts=texts), str(bytewise))
    model = serving.load(job.folder)
    alone, together = model.scores([""]), model.scores(["word1 good", ""])
    np.testing.assert_allclose(alone.sum(axis=1), 1)
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)
    np.testing.assert_allclose(model.scores(["<end>"]), alone, atol=1e-5)  # as if it were written out


@KINDS
def test_a_tokenizer_that_knows_no_words_is_refused(kind: Any, damaged: Path, tmp_path: Path) -> None:
    """Its file is there and whole, but only the special tokens are in it."""
    content = json.loads((damaged / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"] = {token: place for token, place in content["model"]["vocab"].items() if token[0] == "["}
    (damaged / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"the tokenizer of the checkpoint .* has 0 tokens besides special ones"):
        kind.fit(short(tmp_path), str(damaged))


@KINDS
@pytest.mark.parametrize("content", ["{}", "{", ""])
def test_a_tokenizer_that_cannot_be_read_is_told(kind: Any, content: str, damaged: Path, tmp_path: Path) -> None:
    (damaged / "tokenizer.json").write_text(content)
    with pytest.raises(
        DataError, match=r"^checkpoint .*damaged'? cannot (encode texts|be fine-tuned as a classifier): "
    ):
        kind.fit(short(tmp_path), str(damaged))


@contextmanager
def full_beyond(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes, as on a disk that is almost full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@KINDS
def test_a_disk_that_is_full_is_told(kind: Any, whole: Path, tmp_path: Path) -> None:
    with (
        full_beyond(20_000),
        pytest.raises(DataError, match=r"a training cannot be written in .*: \w+: .*File too large"),
    ):
        kind.fit(short(tmp_path), str(whole))


def test_so_it_is_where_torch_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with full_beyond(20_000), pytest.raises(DataError, match="cannot be written in"), writing(tmp_path):
        torch.save(torch.zeros(100_000), tmp_path / "optimizer.pt")


def test_other_errors_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^a bug$"), writing(tmp_path):
        raise RuntimeError("a bug")
