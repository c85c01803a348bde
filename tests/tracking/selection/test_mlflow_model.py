from __future__ import annotations

import asyncio
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import DataType

from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError, TrackingError
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.selection.mlflow_model import MlflowModel, input_form, maker
from mlflow_evalplus.tracking.selection.model_replies import read_reply
from tests.generated import inputs

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.filterwarnings("ignore:.*input example:UserWarning", "ignore:.*ChatModel:FutureWarning"),
]
ASKED = Request("Q1", (Message("system", "Be brief."), Message("user", "May I return it?")), "steps", 2)
PLAIN = "Be brief.\n\nMay I return it?"
CODE = "import mlflow\nimport pandas as pd\nfrom mlflow.pyfunc import ChatModel, PythonModel, ResponsesAgent\n"


def model(folder: Path, code: str, signature: ModelSignature | None = None, **options: Any) -> MlflowModel:
    """Save a model from code and return it as a candidate."""
    file = folder / "code.py"
    file.write_text(f"{CODE}{code}\nmlflow.models.set_model(Model())\n", encoding="utf-8")
    path = str(folder / "model")
    mlflow.pyfunc.save_model(path, python_model=str(file), signature=signature, pip_requirements=["mlflow"])
    return MlflowModel("own", path, **options)


def ask(candidate: MlflowModel, *requests: Request) -> list[Answer]:
    async def all_of() -> list[Answer]:
        return list(await asyncio.gather(*(candidate.ask(request) for request in requests)))

    return asyncio.run(all_of())


def columns(**kinds: DataType) -> ModelSignature:
    specs = [ColSpec(kind, name) for name, kind in kinds.items()]
    return ModelSignature(inputs=Schema(specs), outputs=Schema([ColSpec("string")]))


ECHO = """
class Model(PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return [repr(model_input.to_dict("records"))] if hasattr(model_input, "to_dict") else [repr(model_input)]
"""


def test_a_model_with_one_text_column_is_given_it(tmp_path: Path) -> None:
    candidate = model(tmp_path, ECHO, columns(question=DataType.string))
    (answer,) = ask(candidate, ASKED)
    assert answer.text == repr([{"question": PLAIN}])
    assert (answer.candidate, answer.question, answer.variant, answer.repeat) == ("own", "Q1", "steps", 2)
    assert 0 < answer.seconds < 60
    assert answer.answered


def test_a_model_without_a_signature_is_given_a_column(tmp_path: Path) -> None:
    (answer,) = ask(model(tmp_path, ECHO, column="query"), ASKED)
    assert answer.text == repr([{"query": PLAIN}])


def test_a_model_of_type_hints_is_given_a_list(tmp_path: Path) -> None:
    code = """
class Model(PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:
        return model_input
"""
    (answer,) = ask(model(tmp_path, code), ASKED)
    assert answer.text == PLAIN


def test_a_chat_model_is_given_the_conversation_and_tells_its_tokens(tmp_path: Path) -> None:
    code = """
from mlflow.types.llm import ChatCompletionResponse
class Model(ChatModel):
    def predict(self, context, messages, params=None):
        said = " | ".join(f"{m.role}: {m.content}" for m in messages)
        choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": said}}
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        return ChatCompletionResponse.from_dict({"choices": [choice], "usage": usage})
"""
    (answer,) = ask(model(tmp_path, code), ASKED)
    assert answer.text == "system: Be brief. | user: May I return it?"
    assert (answer.finish, answer.prompt_tokens, answer.completion_tokens) == ("length", 3, 4)


def test_an_agent_is_given_the_conversation(tmp_path: Path) -> None:
    code = """
from mlflow.types.responses import ResponsesAgentResponse
class Model(ResponsesAgent):
    def predict(self, request):
        said = " | ".join(f"{m.role}: {m.content}" for m in request.input)
        return ResponsesAgentResponse(output=[self.create_text_output_item(text=said, id="1")])
"""
    (answer,) = ask(model(tmp_path, code), ASKED)
    assert answer.text == "system: Be brief. | user: May I return it?"


COUNTS = """
import os, pathlib, time
class Model(PythonModel):
    def load_context(self, context):
        with open(os.environ["LOADED"], "a") as file:
            file.write("x")
        time.sleep(0.05)
        if os.environ.get("BROKEN"):
            raise OSError("no weights")
    def predict(self, context, model_input: pd.DataFrame, params=None):
        text = model_input["text"][0]
        if "bad" in text:
            raise ValueError("cannot " + text + "\\nmore")
        return {"answer": text, "score": 1}
"""


def test_it_is_loaded_once_and_one_failure_costs_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    candidate = model(tmp_path, COUNTS, concurrency=4)
    answers = ask(candidate, *(Request(f"Q{i}", (Message("user", "bad" if i == 2 else "ok"),)) for i in range(6)))
    assert [answer.text for answer in answers] == ["ok", "ok", None, "ok", "ok", "ok"]
    assert (answers[2].error, answers[2].message) == ("other", "ValueError: cannot bad")
    assert math.isnan(answers[2].seconds)
    assert (tmp_path / "loaded").read_text() == "x"


def test_a_model_that_cannot_be_loaded_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADED", str(tmp_path / "loaded"))
    monkeypatch.setenv("BROKEN", "1")
    answers = ask(model(tmp_path, COUNTS), *[ASKED] * 3)
    assert {answer.message for answer in answers} == {"the model could not be loaded: OSError: no weights"}
    assert (tmp_path / "loaded").read_text() == "x"


def test_the_digest_is_the_models_and_its_parameters(tmp_path: Path) -> None:
    one = model(tmp_path, ECHO)
    assert one.digest == MlflowModel("other name", one.uri, concurrency=3).digest
    assert one.digest != MlflowModel("own", one.uri, parameters={"temperature": 1}).digest
    (tmp_path / "second").mkdir()
    assert one.digest != model(tmp_path / "second", ECHO).digest
    assert one.about == {"kind": "model", "model": one.uri}


def test_a_model_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(TrackingError, match=r"candidate 'own': there is no MLflow model 'no/such/folder'"):
        MlflowModel("own", "no/such/folder")


def test_a_model_that_asks_for_more_than_a_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"asks for the columns \['question', 'context'\]"):
        model(tmp_path, ECHO, columns(question=DataType.string, context=DataType.string))


def test_of_optional_columns_the_text_is_taken() -> None:
    specs = [ColSpec("double", "temperature", required=False), ColSpec("string", "prompt", required=False)]
    form = input_form("own", ModelSignature(inputs=Schema(specs)))
    pd.testing.assert_frame_equal(form(ASKED.messages), pd.DataFrame({"prompt": [PLAIN]}))


def test_maker_reads_the_plans_entry(tmp_path: Path) -> None:
    path = model(tmp_path, ECHO).uri
    spec = SimpleNamespace(name="house", model=path, concurrency=2, parameters={"k": 1})
    made = maker(spec)  # type: ignore[arg-type]
    assert (made.name, made.uri, made.concurrency, made.about["k"]) == ("house", path, 2, "1")


SAID = "14 days, 从购买之日起"
SHAPES = {
    "list": [SAID],
    "array": np.array([SAID]),
    "object array": np.array([[SAID]], dtype=object),
    "series": pd.Series([SAID]),
    "frame": pd.DataFrame({"whatever": [SAID]}),
    "frame of several": pd.DataFrame({"score": [1.0], "answer": [SAID]}),
    "transformers": [{"generated_text": SAID}],
    "transformers chat": [
        {"generated_text": [{"role": "user", "content": "?"}, {"role": "assistant", "content": SAID}]}
    ],
    "nested": [[{"generated_text": SAID}]],
    "only key": {"reply": SAID},
    "chat agent": {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": SAID}]},
    "parts": {"choices": [{"message": {"content": [{"type": "text", "text": SAID}]}}]},
    "completion": {"choices": [{"text": SAID, "finish_reason": "stop"}]},
    "completion in a frame": pd.DataFrame({"choices": [[{"message": {"content": SAID}}]], "id": ["x"]}),
    "anthropic": {"role": "assistant", "content": [{"type": "text", "text": SAID}]},
    "responses": {"output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": [{"text": SAID}]}]},
}


@pytest.mark.parametrize("raw", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_read(raw: Any) -> None:
    assert read_reply(raw).text == SAID


@given(text=st.text())
@settings(max_examples=inputs(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_as_it_is(text: str) -> None:
    for raw in (text, [text], {"output": text}, {"choices": [{"message": {"content": text}}]}):
        assert read_reply(raw).text == text


@pytest.mark.parametrize(
    "raw",
    [
        None, [], ["a", "b"], pd.DataFrame({"a": ["x", "y"]}), {"a": 1, "b": 2}, {"choices": [{"message": {}}]},
        float("nan"), {},
    ],
    ids=str,
)  # fmt: skip
def test_what_holds_no_answer_is_no_answer(raw: Any) -> None:
    with pytest.raises(DataError):
        read_reply(raw)


@pytest.mark.slow  # imports torch and transformers
@pytest.mark.parametrize("task", ["", "llm/v1/chat"])
def test_a_transformers_pipeline_answers(tmp_path: Path, task: str) -> None:
    from transformers import pipeline

    from tests.asking.test_pipeline import tiny_model

    generator = pipeline("text-generation", model=str(tiny_model(tmp_path)), max_new_tokens=4)
    generator.tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}"
    options: dict[str, Any] = {"task": task} if task else {}
    mlflow.transformers.save_model(
        generator, str(tmp_path / "saved"), pip_requirements=["transformers", "torch"], **options
    )
    (answer,) = ask(MlflowModel("own", str(tmp_path / "saved")), ASKED)
    assert answer.answered, answer.message
    assert answer.seconds > 0
    assert (answer.prompt_tokens is not None) == bool(task)
    assert PLAIN not in str(answer.text)  # MLflow's plain text generation begins with the prompt
