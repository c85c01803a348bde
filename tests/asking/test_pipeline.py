"""A local transformers model: batches, prompts, and a tiny one for real."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.pipeline import Pipeline
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError
from tests.asking.asking import ask, requests

TEXTS = [f"question {i}" for i in range(10)]


class Tokenizer:
    """Words are tokens."""

    chat_template = None

    def __call__(self, text: str, **_: Any) -> dict[str, list[str]]:
        return {"input_ids": text.split()}

    def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
        return "".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>"


class Echo:
    """What transformers' pipeline does, without a model."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.tokenizer = Tokenizer()
        self.options: dict[str, Any] = {}

    def __call__(self, prompts: list[str], **options: Any) -> list[list[dict[str, str]]]:
        self.batches.append(prompts)
        self.options = options
        if any("broken" in prompt for prompt in prompts):
            raise RuntimeError("out of memory")
        return [[{"generated_text": f" {prompt} "}] for prompt in prompts]


class Fake(Pipeline):
    """A pipeline over `Echo`."""

    @cached_property
    def _pipe(self) -> Any:
        return Echo()


def test_what_is_asked_at_once_is_one_batch() -> None:
    candidate = Fake("local", "tiny", concurrency=4, parameters={"max_new_tokens": 7})
    answers = ask(candidate, TEXTS)
    assert [answer.text for answer in answers] == TEXTS
    assert [len(batch) for batch in candidate._pipe.batches] == [4, 4, 2]
    assert candidate._pipe.options == {
        "batch_size": 2, "return_full_text": False, "max_new_tokens": 7, "do_sample": False
    }  # fmt: skip
    first = answers[0]
    assert (first.prompt_tokens, first.completion_tokens, first.finish) == (2, 2, "stop")
    assert first.seconds >= 0


def test_an_answer_as_long_as_allowed_was_cut() -> None:
    assert ask(Fake("local", "tiny", parameters={"max_new_tokens": 2}), ["a b"])[0].finish == "length"


def test_a_batch_that_fails_loses_its_answers_alone() -> None:
    answers = ask(Fake("local", "tiny", concurrency=2), ["fine", "well", "broken", "with it", "good"])
    assert [answer.error for answer in answers] == ["", "", "other", "other", ""]
    assert answers[2].message == "RuntimeError: out of memory"


def test_a_conversation_is_put_as_the_model_was_taught() -> None:
    messages = (Message("system", "Be brief."), Message("user", "Hi"))
    candidate = Fake("local", "tiny")
    asked = {"local": [Request("q", messages)]}
    plain = ask_all([candidate], asked)["local"][0]
    candidate._pipe.tokenizer.chat_template = "a template"
    taught = ask_all([candidate], asked)["local"][0]
    assert plain
    assert taught
    assert plain.text == "Be brief.\n\nHi"
    assert taught.text == "<system>Be brief.<user>Hi<assistant>"


def test_the_digest_is_of_model_revision_and_parameters() -> None:
    others = [Pipeline("a", "m"), Pipeline("a", "n"), Pipeline("a", "m", revision="1"),
              Pipeline("a", "m", parameters={"max_new_tokens": 9})]  # fmt: skip
    assert len({other.digest for other in others}) == 4
    assert Pipeline("b", "m", concurrency=5, device="cpu").digest == others[0].digest
    assert others[2].about == {
        "kind": "pipeline", "model": "m", "revision": "1",
        "parameters": '{"max_new_tokens": 512, "do_sample": false}',
    }  # fmt: skip


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EvalPlusError, match=r"pip install 'mlflow-evalplus\[transformers\]'"):
        ask(Pipeline("local", "tiny"), ["q"])


def tiny_model(folder: Path) -> Path:
    """Save a Llama of random weights with a tokenizer of whole words."""
    from tokenizers import Tokenizer as Words
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(["<unk>", "<eos>", "is", "it", "A", "or", "B", "question", "user"])}
    made = Words(WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="<eos>")
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        eos_token_id=1, max_position_embeddings=64,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_tiny_model_for_real(tmp_path: Path) -> None:
    """Greedy answers are the same whether they are asked alone or in a batch, and no longer than asked for."""
    folder = str(tiny_model(tmp_path))
    texts = ["is it A or B", "question", "is it B", "A"]
    alone = ask(Pipeline("alone", folder, device="cpu", parameters={"max_new_tokens": 5}), texts)
    together = ask(Pipeline("many", folder, device="cpu", parameters={"max_new_tokens": 5}, concurrency=4), texts)
    assert [answer.error for answer in alone + together] == [""] * 8
    assert [answer.text for answer in alone] == [answer.text for answer in together]
    assert all((answer.completion_tokens or 0) <= 5 for answer in alone)
    assert alone[0].prompt_tokens == 6  # "user is it A or B"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_code_in_a_models_files_is_never_run(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "model")
    ran = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoConfig": "modeling_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "evil", "auto_map": auto}))
    with pytest.raises(EvalPlusError, match=r"the model '.*' cannot be loaded"):
        ask_all([Pipeline("evil", str(folder))], {"evil": requests(["q"])})
    assert not ran.exists()


def test_it_is_asked_in_one_loop_after_another() -> None:
    candidate = Fake("local", "tiny", concurrency=3)
    for _ in range(3):
        assert [answer.text for answer in ask(candidate, TEXTS)] == TEXTS

    async def closed() -> None:
        task = asyncio.ensure_future(candidate.ask(requests(["q"])[0]))
        await asyncio.sleep(0)
        await candidate.close()
        task.cancel()

    asyncio.run(closed())
    assert [answer.text for answer in ask(candidate, TEXTS)] == TEXTS
