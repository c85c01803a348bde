"""EvalScope: the files of a run's folders ``reviews`` and ``predictions``, a model's folder in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.questions.importing.files import json_lines
from mlflow_evalplus.core.questions.importing.outputs import answer_of
from mlflow_evalplus.core.questions.importing.prompts import bare, messages_of, replaced, split_choices
from mlflow_evalplus.core.questions.importing.samples import Sample
from mlflow_evalplus.errors import DataError

PATTERNS = ("reviews/*/*.jsonl",)
REVIEWS, PREDICTIONS = "reviews", "predictions"
Line = dict[str, Any]


def samples(path: Path) -> Iterator[Sample]:
    """Yield a sample of every review, with the prediction of the same index.

    `path` is a file of reviews; that of the predictions, which knows no right answers, is looked for beside it. It may
    also be the other of the two.
    """
    reviews, predictions = _pair(check_file(path, (".jsonl",)).resolve())
    outputs = {}
    if predictions.is_file():
        outputs = {line["index"]: line for _, line in json_lines(predictions, ("index",), "EvalScope's predictions")}
    found = [line for _, line in json_lines(reviews, ("index", "messages", "sample_score"), "EvalScope's reviews")]
    groups: dict[str, set[str]] = {}
    for line in found:
        groups.setdefault(_own_id(line), set()).add(_group(line))
    named = "" not in groups and all(len(same) == 1 for same in groups.values())
    for line in sorted(found, key=lambda line: line["index"]):
        yield _sample(line, outputs.get(line["index"]), reviews, _own_id(line) if named else _group(line))


def _pair(path: Path) -> tuple[Path, Path]:
    run, kind, model, name = (None, "", "", path.name) if len(path.parents) < 3 else (
        path.parents[2], path.parents[1].name, path.parent.name, path.name
    )  # fmt: skip
    if run is None or kind not in (REVIEWS, PREDICTIONS):
        return path, path.with_suffix(".none")  # it was moved out of its folder
    reviews = run / REVIEWS / model / name
    if not reviews.is_file():
        raise DataError(f"{str(path)!r} holds no right answers, and its reviews are not there: {str(reviews)!r}")
    return reviews, run / PREDICTIONS / model / name


def _own_id(line: Line) -> str:
    """Return the question's id in the user's own data, where EvalScope has kept it."""
    known = (line["sample_score"].get("sample_metadata") or {}).get("id")
    return "" if known in (None, "unknown") else str(known)


def _group(line: Line) -> str:
    """Return the number of the question; the index counts its repeats too."""
    group = line["sample_score"].get("group_id")
    return str(line["index"] if group is None else group)


def _sample(line: Line, output: Line | None, path: Path, name: str) -> Sample:
    score, messages = line["sample_score"], messages_of(line["messages"])
    target = line.get("target") or []
    golds = tuple(str(one).strip() for one in ([target] if isinstance(target, str) else target))
    choices: tuple[str, ...] = ()
    if messages:
        text, choices = split_choices(messages[-1].content)
        messages = replaced(messages, text if choices else bare(messages[-1].content))
    answer = answer_of(
        str((output or {}).get("model") or path.parent.name), int(score.get("generation_index") or 0),
        (output or {}).get("model_output"), str((score.get("score") or {}).get("prediction") or ""),
    )  # fmt: skip
    tags = score.get("sample_metadata") or {}
    return Sample(path.stem, name, messages, golds, choices, tags=tags, answers=(answer,))
