"""Files that the tools themselves write, where their own environments are given, are read as what was asked.

EVALPLUS_PEER_EVALSCOPE, EVALPLUS_PEER_INSPECT and EVALPLUS_PEER_LM_EVAL name the Python of an environment with
evalscope, inspect_ai and lm_eval.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mlflow_evalplus.core.questions.importing import import_file
from tests.core.questions.tools_files import CHINESE_PROMPT, ENGLISH_PROMPT

pytestmark = pytest.mark.slow

EVALSCOPE = """
from evalscope.api.dataset import Sample
from evalscope.api.evaluator import TaskState
from evalscope.api.evaluator.cache import CacheManager
from evalscope.api.messages import ChatMessageUser
from evalscope.api.metric import SampleScore, Score
from evalscope.api.model import ModelOutput, ModelUsage
from evalscope.utils.io_utils import OutputsStructure

cache = CacheManager(OutputsStructure("run"), "m-1", "general_mcq")
for at, (prompt, target, text) in enumerate(ROWS):
    output = ModelOutput.from_content("m-1", text, stop_reason="max_tokens")
    output.usage, output.time = ModelUsage(input_tokens=7, output_tokens=2, total_tokens=9), 0.5
    asked = [ChatMessageUser(content=prompt)]
    sample = Sample(input=asked, target=target, id=at, metadata={"id": f"q{at}"})
    state = TaskState(model="m-1", sample=sample, messages=[*asked, output.message], output=output, completed=True)
    cache.save_prediction_cache("bank", state)
    score = Score(value={"acc": 1.0}, prediction=text, extracted_prediction=text)
    cache.save_review_cache("bank", state, SampleScore(score=score, sample_id=at, group_id=at, generation_index=0,
                                                       sample_metadata={"id": f"q{at}"}))
cache.close()
"""
INSPECT = """
from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import ModelOutput, ModelUsage

samples = []
for at, (choices, target, text) in enumerate(ROWS):
    output = ModelOutput.from_content("m-1", text, stop_reason="max_tokens")
    output.usage = ModelUsage(input_tokens=4, output_tokens=2, total_tokens=9, input_tokens_cache_read=3)
    output.time = 0.5
    samples.append(EvalSample(id=f"q{at}", epoch=1, input="Which?", choices=choices, target=target, output=output,
                              metadata={"language": "en"}))
spec = EvalSpec(created="2026-01-01T00:00:00+00:00", task="bank", dataset=EvalDataset(), model="openai/m-1",
                config=EvalConfig())
for kind in ("json", "eval"):
    write_eval_log(EvalLog(eval=spec, status="success", samples=samples), f"log.{kind}", format=kind)
"""
TASK = """
task: bank
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: %s
doc_to_text: "Question: {{q}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: answer
metric_list: [{metric: %s}]
"""


def run(name: str, folder: Path, *command: str) -> None:
    """Run a peer's Python in a folder."""
    python = os.environ.get(name)
    if not python:
        pytest.skip(f"{name} names no Python of an environment with it")
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder), "PYTHONPATH": ""}
    done = subprocess.run([python, *command], cwd=folder, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_evalscope(tmp_path: Path) -> None:
    rows = [(ENGLISH_PROMPT, "B", "The answer is B"), (CHINESE_PROMPT, "A", "答案：A")]
    run("EVALPLUS_PEER_EVALSCOPE", tmp_path, "-c", f"ROWS = {rows!r}\n{EVALSCOPE}")
    found = import_file(tmp_path, "evalscope")
    assert [(q.id, q.type, q.gold, q.choices) for q in found.questions] == [
        ("q0", "choice", ("B",), ("rent", "late charge", "tip")), ("q1", "choice", ("A",), ("12 个月", "5%"))
    ]  # fmt: skip
    assert [(a.text, a.finish, a.prompt_tokens, a.completion_tokens, a.seconds) for a in found.answers["m-1"]] == [
        ("The answer is B", "length", 7, 2, 0.5), ("答案：A", "length", 7, 2, 0.5)
    ]  # fmt: skip


def test_inspect(tmp_path: Path) -> None:
    rows = [(["rent", "tip"], "B", "ANSWER: B"), (None, ["12", "twelve"], "12")]
    run("EVALPLUS_PEER_INSPECT", tmp_path, "-c", f"ROWS = {rows!r}\n{INSPECT}")
    for kind in ("json", "eval"):
        found = import_file(tmp_path / f"log.{kind}", "inspect")
        assert [(q.id, q.gold, q.dimension, q.language) for q in found.questions] == [
            ("q0", ("B",), "bank", "en"), ("q1", ("12", "twelve"), "bank", "en")
        ]  # fmt: skip
        assert [(a.text, a.finish, a.prompt_tokens, a.seconds) for a in found.answers["openai/m-1"]] == [
            ("ANSWER: B", "length", 7, 0.5), ("12", "length", 7, 0.5)
        ]  # fmt: skip


@pytest.mark.parametrize(("output", "metric"), [("multiple_choice", "acc"), ("generate_until", "exact_match")])
def test_lm_eval(tmp_path: Path, output: str, metric: str) -> None:
    rows = [{"q": "Which is a fee?", "choices": ["rent", "late charge"], "answer": 1}] * 3
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "bank.yaml").write_text(TASK % (output, metric))
    run("EVALPLUS_PEER_LM_EVAL", tmp_path, "-m", "lm_eval", "--model", "dummy", "--tasks", "bank",
        "--include_path", ".", "--log_samples", "--output_path", "out")  # fmt: skip
    found = import_file(tmp_path / "out", "lm-eval")
    [answers] = found.answers.values()
    assert len(found.questions) == len(answers) == 3
    if output == "multiple_choice":
        assert found.questions["0"].choices == ("rent", "late charge")
        assert found.questions["0"].gold == ("B",)
        assert {a.text for a in answers} <= {"A", "B"}
    else:
        assert {a.text for a in answers} == {"lol"}  # what the dummy says
