"""An evaluation → what of it is stored, by ``store_text`` of its requirements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.privacy.answers import replaced, stored_answers
from mlflow_evalplus.core.privacy.keeping import Keeper, hashed
from mlflow_evalplus.core.privacy.masking import mask
from mlflow_evalplus.names import OTHER, TEXT_HASH
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import Discovery, Evaluation
from mlflow_evalplus.results.attribution import Attribution, Source
from mlflow_evalplus.results.causes import Action, Actions, Case, Cases
from mlflow_evalplus.results.data_checks import DataChecks, DataFinding
from mlflow_evalplus.results.slices import Finding
from mlflow_evalplus.results.word_attribution import WordAttribution

WORD, PREFIX = "word", "word="
MAX_TEXT = 500  # characters of a case
NO_WORDS = "hardly a training text holds some of its words"
WORDS_SUCH_AS = " with words such as "


def stored(evaluation: Evaluation, mode: StoreText | None = None) -> Evaluation:
    """Return an evaluation as it is stored: its figures are those of the full texts, its texts are kept as asked.

    Parameters
    ----------
    evaluation : Evaluation
    mode : str, optional
        ``full``, ``masked``, ``hash`` or ``none``; by default ``store_text`` of its requirements.

    Returns
    -------
    Evaluation
        The same object where texts are kept in full. Done twice it changes nothing more.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"text": ["call 13812345678", "ok"], "label": ["a", "b"], "prediction": ["a", "b"]})
    >>> stored(evaluate(frame, store_text="masked")).predictions.table["text"].to_pylist()
    ['call [phone]', 'ok']
    """
    mode = mode or (evaluation.requirements.store_text if evaluation.requirements else "full")
    if mode == "full":
        return evaluation
    rows = evaluation.predictions
    keeper = Keeper(mode, _texts(rows), frozenset(_known(evaluation)))
    kept = stored_rows(rows, mode) if rows is not None else None
    return replace(
        evaluation,
        predictions=kept,
        notes=tuple(map(keeper.note, evaluation.notes)),
        attribution=_attribution(evaluation.attribution, keeper, rows) if evaluation.attribution else None,
        discovery=_discovery(evaluation.discovery, keeper) if evaluation.discovery else None,
        data_checks=_data_checks(evaluation.data_checks, keeper) if evaluation.data_checks else None,
    )


def stored_rows(predictions: Predictions, mode: StoreText) -> Predictions:
    """Return rows as they are stored: with the ids that their texts give them, so that runs are paired as ever.

    Under ``hash`` the column ``text_hash`` takes the place of ``text``; under ``none`` nothing does. An answer that is
    none of the labels may repeat a text, so it becomes ``(other)``, or is masked.
    """
    if mode == "full":
        return predictions
    table = stored_answers(predictions.with_ids(), mode).table
    if "text" in table.column_names:
        texts = table["text"].to_pylist()
        if mode == "masked":
            table = replaced(
                table, "text", pa.array([None if text is None else mask(text) for text in texts], pa.string())
            )
        else:
            table = table.drop_columns(["text"])
        if mode == "hash":
            hashes = [None if text is None else hashed(text) for text in texts]
            table = table.append_column(TEXT_HASH, pa.array(hashes, pa.string()))
    return Predictions(table, predictions.labels)


def _texts(rows: Predictions | None) -> list[str]:
    if rows is None or "text" not in rows.table.column_names:
        return []
    return [text for text in rows.table["text"].to_pylist() if text]


def _known(evaluation: Evaluation) -> Iterator[str]:
    """Yield what sentences may name: labels, columns, and the values of slices."""
    yield from (*evaluation.labels, OTHER)
    for row in evaluation.slices.rows:
        yield from (*row.columns, *row.values, row.name)
    if evaluation.requirements:
        task = evaluation.requirements.task
        yield from filter(None, (task.text_column, task.label, evaluation.requirements.cluster))
    if evaluation.predictions is not None:
        yield from evaluation.predictions.annotators


def _attribution(found: Attribution, keeper: Keeper, rows: Predictions | None) -> Attribution:
    name = keeper.renamed()
    return replace(
        found,
        sources=tuple(_source(source, name) for source in found.sources),
        actions=Actions(tuple(_action(action, keeper) for action in found.actions.rows)),
        cases=Cases(tuple(_cases(found.cases, keeper, rows))),
        words=_words(found.words, name) if found.words else None,
    )


def _source(source: Source, name: Callable[[str], str]) -> Source:
    if source.level != WORD or not source.name.startswith(PREFIX):
        return source
    return replace(source, name=PREFIX + name(source.name.removeprefix(PREFIX)))


def _words(found: WordAttribution, name: Callable[[str], str]) -> WordAttribution:
    return replace(found, rows=tuple(replace(row, word=name(row.word)) for row in found.rows))


def _action(action: Action, keeper: Keeper) -> Action:
    text, such, words = action.text.partition(WORDS_SUCH_AS)
    if such and keeper.mode != "masked":
        return replace(action, text=f"{text} with words that the training texts lack")
    return replace(action, text=keeper.prose(text + such + words))


def _cases(found: Cases, keeper: Keeper, rows: Predictions | None) -> Iterator[Case]:
    whole = _whole_texts(found, rows)
    for case in found.rows:
        evidence = NO_WORDS if case.cause == "unknown_vocabulary" and keeper.mode != "masked" else case.evidence
        text = keeper.text(whole.get(case.example_id, case.text)) if case.text else ""
        yield replace(case, text=text[:MAX_TEXT], evidence=keeper.prose(evidence))


def _whole_texts(found: Cases, rows: Predictions | None) -> dict[str, str]:
    """Return the uncut texts of the cases: what is masked in a cut one may have been cut in two."""
    if rows is None or "text" not in rows.table.column_names:
        return {}
    wanted, table = {case.example_id for case in found.rows}, rows.with_ids().table
    ids, texts = table["example_id"].to_pylist(), table["text"]
    return {one: texts[place].as_py() or "" for place, one in enumerate(ids) if one in wanted}


def _discovery(found: Discovery, keeper: Keeper) -> Discovery:
    name = keeper.renamed()

    def renamed(row: Finding) -> Finding:
        pairs = zip(row.columns, row.values, strict=True)
        return replace(row, values=tuple(name(value) if column == WORD else value for column, value in pairs))

    return replace(found, rows=tuple(map(renamed, found.rows)))


def _data_checks(found: DataChecks, keeper: Keeper) -> DataChecks:
    return replace(found, rows=tuple(_finding(row, keeper) for row in found.rows))


def _finding(row: DataFinding, keeper: Keeper) -> DataFinding:
    own = replace(keeper, known=keeper.known | {row.column})
    examples = tuple(replace(example, shown=own.cut(example.shown)) for example in row.examples)
    return replace(row, sentence=own.prose(row.sentence), action=own.prose(row.action), examples=examples)
