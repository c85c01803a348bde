"""lm-evaluation-harness: ``samples_TASK_DATE.jsonl``, as ``--log_samples`` writes it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.gold import LETTERS
from mlflow_evalplus.core.questions.importing.files import json_lines
from mlflow_evalplus.core.questions.importing.prompts import bare, messages_of, replaced, split_choices
from mlflow_evalplus.core.questions.importing.samples import Sample
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.results.answers import Answer

PATTERNS = ("samples_*.jsonl",)
KEYS = ("doc_id", "doc", "target", "arguments", "resps")
_NAME = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT[\d.-]+)")
_SOLUTION = re.compile(r"#### *(\S+)\s*$")  # how GSM8K ends its solutions


def samples(path: Path) -> Iterator[Sample]:
    """Yield a sample of every document; a document that several filters were applied to is one."""
    check_file(path, (".jsonl",))
    found = _NAME.fullmatch(path.stem)
    task, candidate = found[1] if found else path.stem, _model(path, found[2] if found else "")
    seen: set[Any] = set()
    for _, line in json_lines(path, KEYS, "lm-eval's samples"):
        if line["doc_id"] not in seen:
            seen.add(line["doc_id"])
            yield _sample(line, task, candidate)


def _model(path: Path, date: str) -> str:
    """Return the model's name as the results beside the samples have it; else the folder's."""
    try:
        beside = loads(path.with_name(f"results_{date}.json").read_text(encoding="utf-8"))
        return str(beside["model_name"] or path.resolve().parent.name)
    except (OSError, ValueError, KeyError, TypeError):
        return path.resolve().parent.name


def _sample(line: dict[str, Any], task: str, candidate: str) -> Sample:
    name, tags = str(line["doc_id"]), line["doc"] if isinstance(line["doc"], dict) else {}
    asked = [tuple(one.values()) for one in line["arguments"].values()]
    messages = _messages(asked[0][0]) if asked else ()
    texts = [one[1].strip() for one in asked if len(one) > 1 and isinstance(one[1], str)]
    if not texts:  # a text was generated
        outputs = line["resps"][0] if line["resps"] else []
        answers = tuple(
            Answer(candidate, name, repeat=at, text=text) for at, text in enumerate(outputs) if isinstance(text, str)
        )
        return Sample(task, name, messages, _golds(line["target"]), tags=tags, answers=answers)
    texts = texts[: sum(one[0] == asked[0][0] for one in asked)]  # what follows is asked without the question
    if len(texts) < 2 or not messages:
        return Sample(task, name, (), (), skipped="likelihoods of contexts, not of choices")
    text, choices = split_choices(messages[-1].content)
    if texts != list(LETTERS[: len(texts)]):
        text, choices = text if list(choices) == texts else bare(messages[-1].content), tuple(texts)
    if len(choices) != len(texts):
        return Sample(task, name, (), (), skipped="the choices are not in the prompt")
    gold = _choice(str(line["target"]), choices)
    # the continuation that is the most likely, which counts for the metric acc
    likely = max(range(len(texts)), key=lambda at: float(line["resps"][at][0][0]))
    answer = Answer(candidate, name, text=LETTERS[likely])
    return Sample(task, name, replaced(messages, text), gold, choices, tags=tags, answers=(answer,))


def _messages(prompt: Any) -> tuple[Message, ...]:
    """Return a prompt's messages; of a chat it is a list with one text that is JSON."""
    found = messages_of(loads(prompt[0]) if isinstance(prompt, list) else prompt)
    return replaced(found, bare(found[-1].content)) if found else ()


def _choice(target: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the letter of a target that is a place, from 0; else the text that it is."""
    if target.isdecimal() and int(target) < len(choices):
        return (LETTERS[int(target)],)
    return _golds(target)


def _golds(target: Any) -> tuple[str, ...]:
    """Return the right answers in a target: a list is written as Python does, GSM8K's solutions end in the number."""
    text = str(target).strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            listed = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            listed = None
        if isinstance(listed, list) and listed and all(isinstance(one, (str, int, float)) for one in listed):
            return tuple(dict.fromkeys(str(one).strip() for one in listed if str(one).strip()))
    ended = _SOLUTION.search(text)
    return (ended[1] if ended else text,) if text else ()
