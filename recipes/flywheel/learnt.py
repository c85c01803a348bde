"""Which rows the champion has learnt from: a comparison on them favours it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data.contamination import guarded, texts_of
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.reader import load as load_run
from mlflow_evalplus.tracking.registry import versions
from recipes.data.sources import load
from recipes.data.tracked import CONTEXT
from recipes.flywheel.champion import Champion

TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Learnt:
    """How many of the rows that two models are compared on one of them has learnt from.

    Attributes
    ----------
    counts : mapping of str to (int, int)
        What the rows are, ``test rows`` say → how many of them were learnt, word for word or nearly, and how many
        there are. Empty where it is not known.
    exact : bool
        Whether the very rows are known that it was trained on, and not only the data that they were taken from.
    why : str
        Why it is not known.
    """

    counts: Mapping[str, tuple[int, int]]
    exact: bool = True
    why: str = ""

    @property
    def favoured(self) -> bool:
        """Whether the comparison is known to favour it."""
        return any(n for n, _ in self.counts.values())

    @property
    def sentence(self) -> str:
        """In words."""
        if not self.counts:
            return f"Whether the champion has learnt from the test rows is not known: {self.why}"
        if not self.favoured:
            known = " and ".join(f"{of:,} {what}" for what, (_, of) in self.counts.items())
            return f"The champion has learnt from none of the {known}."
        found = " and ".join(f"{n:,} of {of:,} {what}" for what, (n, of) in self.counts.items() if n)
        if self.exact:
            return (
                f"{found} were learnt by the champion, word for word or nearly: the comparison favours it. Name a test "
                "set that neither has learnt from."
            )
        return (
            f"{found} are in the data that the champion was trained on a part of: it may have learnt from them, and "
            "the comparison then favours it."
        )


def learnt_by(champion: Champion, rows: Mapping[str, pd.DataFrame], text: str) -> Learnt:
    """Look for rows among those that a champion was trained on.

    Parameters
    ----------
    champion : Champion
    rows : mapping of str to pandas.DataFrame
        What they are → the rows that it is compared on. Those without a row are left out.
    text : str
        Their column of texts.
    """
    try:
        trained, column, exact = training_rows(champion, text)
        reference = pd.DataFrame({text: texts_of(trained, column)})
    except EvalPlusError as error:
        return Learnt({}, why=str(error))
    found = {what: (len(guarded(part, reference, text=text)[1]), len(part)) for what, part in rows.items() if len(part)}
    return Learnt(found, exact)


def training_rows(champion: Champion, text: str) -> tuple[pd.DataFrame, str, bool]:
    """Return the rows that a champion was trained on, their column of texts, and whether they are these very rows.

    The run that made its model lists its training data, and how many rows of them it used: all of them, those that
    it was not evaluated on, or those that are no copies of what it was evaluated on. Where none of the three has this
    number of rows, all of the data are returned. Their texts are in the column `text` unless its evaluation says else.

    Raises
    ------
    DataError, TrackingError
        Its run lists no training data, they cannot be loaded, or the run is gone.
    """
    client = store.client()
    with store.reaching():
        version = versions.existing(client, champion.name, champion.version)
        run_id = version.run_id or version.tags.get(names.TAG_RUN)
        if not run_id:
            raise DataError(f"version {champion.version} of {champion.name!r} names no run that made it")
        run = client.get_run(run_id)
    n = _listed(run)
    whole = load(f"run:{run_id}/{TRAINING}").frame
    tested, column = _tested(run_id, text)
    for rows in _possible(whole, tested, column):
        if len(rows) == n:
            return rows, column, True
    return whole, column, False


def _tested(run_id: str, text: str) -> tuple[pd.DataFrame, str]:
    """Return the texts that a run was evaluated on, if it was, in their column."""
    try:
        evaluation = load_run(run_id)
    except EvalPlusError:
        return pd.DataFrame(), text
    column = (evaluation.requirements.task.text if evaluation.requirements else None) or text
    own = evaluation.predictions.table
    return (pd.DataFrame({column: own["text"].to_pylist()}) if "text" in own.column_names else pd.DataFrame()), column


def _possible(whole: pd.DataFrame, tested: pd.DataFrame, column: str) -> Iterator[pd.DataFrame]:
    yield whole
    if not tested.empty:
        seen = set(tested[column])
        yield whole[[text not in seen for text in texts_of(whole, column)]]
        yield guarded(whole, tested, text=column)[0]


def _listed(run: Run) -> int | None:
    """Return how many training rows a run lists; None where it does not say."""
    contexts = [(one, {tag.key: tag.value for tag in one.tags}.get(CONTEXT)) for one in run.inputs.dataset_inputs]
    found = [one for one, context in contexts if context == TRAINING]
    if not found:
        raise DataError(f"its run {run.info.run_id} lists no training data")
    n = json.loads(found[0].dataset.profile or "{}").get("num_rows")
    return n if isinstance(n, int) else None
