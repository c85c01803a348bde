"""The examples behind the confusion matrix, as the report carries them: within a budget, all of it plain text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from mlflow_evalplus.core.examples import CellExamples, Example, examples_of_cells, read_examples
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.render.confusion import MAX_LABELS, columns, largest_errors
from mlflow_evalplus.render.html import embedded, visible
from mlflow_evalplus.results import Confusion, Evaluation
from mlflow_evalplus.results.causes import Case

MAX_FREQUENT = 10  # errors that the report lists beside the matrix
MAX_RIGHT = 10  # right answers of a cell
MAX_BYTES = 200_000
MAX_TEXT = 400
MAX_WORDS = 60  # characters of an id or of a slice's value
MAX_SLICES = 8
MAX_SCORES = 3
AT_ONCE = 500  # rows that are read together
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """The examples of every cell that a reader can choose, in the order in which they are wanted.

    Attributes
    ----------
    slices : list of str
        Columns of the slices.
    labels : tuple of str
        Of the matrix, by place.
    counts : dict
        Cell → how many examples there are.
    wanted : list of (cell, example, bytes)
        As many as fit into the largest budget.
    """

    slices: list[str]
    labels: tuple[str, ...]
    counts: dict[Place, int]
    wanted: list[tuple[Place, dict[str, Any], int]]

    def within(self, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
        """Return what ``report.js`` lists: ``slices``, ``labels`` and, by ``label,prediction`` as places, ``cells``.

        A cell holds ``n``, how many examples there are, and ``shown``, the worst of them. Where not all that are
        wanted fit into so many bytes, every cell loses its last ones first, and right answers before errors.
        """
        cells: dict[str, dict[str, Any]] = {f"{i},{j}": {"n": n, "shown": []} for (i, j), n in self.counts.items()}
        labels = {place: visible(self.labels[place], MAX_WORDS) for cell in self.counts for place in cell}
        found = {"slices": self.slices, "labels": labels, "cells": cells}
        left = max_bytes - _size(found)
        for (i, j), shown, size in self.wanted:
            scored = {place for place, _ in shown.get("scores", ()) if place not in labels}
            new = {place: visible(self.labels[place], MAX_WORDS) for place in scored}
            left -= size + (_size(new) if new else 0)
            if left < 0:
                break
            labels |= new
            cells[f"{i},{j}"]["shown"].append(shown)
        return found


def listing(evaluation: Evaluation) -> Listing | None:
    """Return the examples that the report can list; None without rows."""
    predictions = evaluation.predictions
    if predictions is None:
        return None
    in_reach = reachable(evaluation.confusion)
    found = {place: cell for place, cell in examples_of_cells(predictions).items() if place in in_reach}
    slices = [visible(column, MAX_WORDS) for column in predictions.slice_columns[:MAX_SLICES]]
    counts = {place: cell.n for place, cell in found.items()}
    return Listing(slices, evaluation.confusion.predictions, counts, _wanted(evaluation, predictions, found))


def reachable(confusion: Confusion) -> Set[Place]:
    """Return the cells that the report shows: those of its matrix, and the most frequent errors."""
    at = {name: place for place, name in reversed(list(enumerate(confusion.predictions)))}
    frequent = {(at[label], at[prediction]) for label, prediction, _ in largest_errors(confusion, MAX_FREQUENT)}
    return frequent | {(i, j) for i in range(min(len(confusion.labels), MAX_LABELS)) for j in columns(confusion)}


def _wanted(
    evaluation: Evaluation, predictions: Predictions, found: Mapping[Place, CellExamples]
) -> list[tuple[Place, dict[str, Any], int]]:
    """Return the examples until the largest budget is spent; no row is read that cannot be shown."""
    known = {case.example_id: case for case in evaluation.attribution.cases.rows} if evaluation.attribution else {}
    places = {label: code for code, label in enumerate(evaluation.labels)}
    turns, wanted, left = list(_in_turn(found)), [], MAX_BYTES
    for start in range(0, len(turns), AT_ONCE):
        some = turns[start : start + AT_ONCE]
        examples = read_examples(predictions, [row for _, row in some])
        for place, row in some:
            shown = _plain(examples[row], places, predictions.slice_columns[:MAX_SLICES], known)
            wanted.append((place, shown, _size(shown) + 1))
            left -= wanted[-1][2]
        if left < 0:
            break
    return wanted


def _size(value: Any) -> int:
    return len(embedded(value).encode())


def _in_turn(found: Mapping[Place, CellExamples]) -> Iterator[tuple[Place, int]]:
    """Yield the cells' rows: the worst of every cell of errors, then the second; the right answers last."""
    wrong = {place: cell for place, cell in found.items() if place[0] != place[1]}
    right = {place: CellExamples(cell.n, cell.rows[:MAX_RIGHT]) for place, cell in found.items() if place not in wrong}
    yield from _rounds(wrong.items())
    yield from _rounds(right.items())


def _rounds(found: Iterable[tuple[Place, CellExamples]]) -> Iterator[tuple[Place, int]]:
    ranked = sorted(found, key=lambda item: -item[1].n)
    for depth in range(max((len(cell.rows) for _, cell in ranked), default=0)):
        yield from ((place, cell.rows[depth]) for place, cell in ranked if depth < len(cell.rows))


def _plain(
    example: Example, places: Mapping[str, int], columns: tuple[str, ...], known: Mapping[str, Case]
) -> dict[str, Any]:
    """Return an example as JSON holds it; scores are pairs of the label's place and the score."""
    shown: dict[str, Any] = {"id": visible(example.example_id, MAX_WORDS)}
    if example.text:
        shown["text"] = visible(example.text, MAX_TEXT, newlines=True)
    best = [(places[label], round(score, 3)) for label, score in example.scores.items() if label in places]
    if best:
        shown["scores"] = best[:MAX_SCORES]
    if columns:
        shown["slices"] = [visible(example.slices[column], MAX_WORDS) for column in columns]
    case = known.get(example.example_id)
    if case:
        shown["cause"] = case.cause.replace("_", " ")
        shown["evidence"] = visible(case.evidence, 300)
    return shown
