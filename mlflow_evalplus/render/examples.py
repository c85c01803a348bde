"""The examples behind the confusion matrix, as the report carries them: within a budget, all of it plain text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlflow_evalplus.core.examples import CellExamples, Example, examples_of_cells, read_examples
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.causes import Case

MAX_RIGHT = 10  # right answers of a cell
MAX_BYTES = 200_000
MAX_TEXT = 400
MAX_WORDS = 60  # characters of an id or of a slice's value
MAX_SLICES = 8
MAX_SCORES = 3


def cells(evaluation: Evaluation, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return what ``report.js`` lists: ``slices``, ``labels`` and, by ``label,prediction`` as places, ``cells``.

    A cell holds ``n``, how many examples there are, and ``shown``, the worst of them. Where not all that are wanted fit
    into so many bytes, every cell loses its last ones first, and right answers before errors. Empty without rows.
    """
    predictions = evaluation.predictions
    if predictions is None:
        return {}
    found = examples_of_cells(predictions)
    labels = [visible(label, MAX_WORDS) for label in evaluation.confusion.predictions]
    columns = predictions.slice_columns[:MAX_SLICES]
    kept: dict[str, dict[str, Any]] = {f"{i},{j}": {"n": cell.n, "shown": []} for (i, j), cell in found.items()}
    wanted = list(_in_turn(found))
    examples = read_examples(predictions, [row for _, row in wanted])
    known = {case.example_id: case for case in evaluation.attribution.cases.rows} if evaluation.attribution else {}
    for (i, j), row in wanted:
        shown = _plain(examples[row], evaluation.labels, columns, known)
        max_bytes -= len(json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace"))
        if max_bytes < 0:
            break
        kept[f"{i},{j}"]["shown"].append(shown)
    return {"slices": [visible(column, MAX_WORDS) for column in columns], "labels": labels, "cells": kept}


def _in_turn(found: Mapping[tuple[int, int], CellExamples]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the cells' rows: the worst of every cell of errors, then the second; the right answers last."""
    wrong = {place: cell for place, cell in found.items() if place[0] != place[1]}
    right = {place: CellExamples(cell.n, cell.rows[:MAX_RIGHT]) for place, cell in found.items() if place not in wrong}
    yield from _rounds(wrong.items())
    yield from _rounds(right.items())


def _rounds(found: Iterable[tuple[tuple[int, int], CellExamples]]) -> Iterator[tuple[tuple[int, int], int]]:
    ranked = sorted(found, key=lambda item: -item[1].n)
    for depth in range(max((len(cell.rows) for _, cell in ranked), default=0)):
        yield from ((place, cell.rows[depth]) for place, cell in ranked if depth < len(cell.rows))


def _plain(
    example: Example, labels: tuple[str, ...], columns: tuple[str, ...], known: Mapping[str, Case]
) -> dict[str, Any]:
    """Return an example as JSON holds it; scores are pairs of the label's place and the score."""
    shown: dict[str, Any] = {"id": visible(example.example_id, MAX_WORDS)}
    if example.text:
        shown["text"] = visible(example.text, MAX_TEXT, newlines=True)
    place = {label: code for code, label in enumerate(labels)}
    best = [(place[label], round(score, 3)) for label, score in example.scores.items() if label in place]
    if best:
        shown["scores"] = best[:MAX_SCORES]
    if columns:
        shown["slices"] = [visible(example.slices[column], MAX_WORDS) for column in columns]
    case = known.get(example.example_id)
    if case:
        shown["cause"] = case.cause.replace("_", " ")
        shown["evidence"] = visible(case.evidence, 300)
    return shown
