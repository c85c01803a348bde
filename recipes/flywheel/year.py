"""The simulated year: three turns of the wheel, each with all that it leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from mlflow_evalplus import names
from mlflow_evalplus.core.monitoring.monitor import monitor
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.render import figures
from mlflow_evalplus.tracking import writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.items import Figure, File, Page, Table
from mlflow_evalplus.tracking.monitoring import log_as_run
from recipes.flywheel import BUDGET
from recipes.flywheel import page as pages
from recipes.flywheel.champion import Champion, find_champion
from recipes.flywheel.lines import RANDOM, WHEEL, Lines, lines
from recipes.flywheel.spin import Model, at_random, spin
from recipes.flywheel.stream import (
    LABEL,
    MONTH,
    OLD_WORDING,
    PHRASE,
    PURITY,
    SHARE,
    TEXT,
    TRAINED,
    Stream,
    simulated_year,
)
from recipes.flywheel.turn import SLICES, Turn, answered, first_model, turn

RUN_NAME = "flywheel: a simulated year"


@dataclass(frozen=True)
class Year:
    """A year of turns.

    Attributes
    ----------
    turns : tuple of Turn
    lines : Lines
    budget, seed : int
    folder : Path
        All files; the pages are in it, too.
    run_id : str
        The run that carries the pages.
    """

    turns: tuple[Turn, ...]
    lines: Lines
    budget: int
    seed: int
    folder: Path
    run_id: str = ""


class Registered:
    """A version of the registered model, asked like a classifier: texts in, labels out."""

    def __init__(self, champion: Champion) -> None:
        self._model = mlflow.pyfunc.load_model(champion.uri)

    def predict(self, texts: list[str], /) -> np.ndarray:
        """Return a label for each text."""
        return np.asarray(self._model.predict(pd.DataFrame({TEXT: texts}))["prediction"], dtype=object)


def run_year(
    folder: str | Path, *, budget: int = BUDGET, seed: int = 0, name: str = "flywheel",
    say: Callable[[str], None] = lambda line: None,
) -> Year:  # fmt: skip
    """Simulate a year with three turns of the wheel, log what each leaves, and the page that says what it brought.

    Parameters
    ----------
    folder : path
        For the files; it does not exist, or is empty.
    budget : int
        Labels a turn, of which a sixth is kept apart as a test of the collected cases.
    seed : int
        Of the phrases, the test rows and what is drawn at random.
    name : str
        Registered model, which gets four versions.
    say : callable
        Is told how far it is.

    Raises
    ------
    DataError
        The folder holds something.
    TrackingError
        MLflow does not answer.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{str(folder)!r} is not empty; name a new folder for the year: -P folder=… (--folder)")
    project_run = os.environ.pop("MLFLOW_RUN_ID", None)
    stream = simulated_year(seed)
    say(f"January to June: {len(stream.first):,} messages to learn from, {len(stream.held_out):,} to test on")
    first_model(folder, stream.first, stream.held_out, name, seed)
    accepted = answered(name, stream.held_out).assign(**{LABEL: stream.held_out[LABEL]})
    accepted.drop(columns=[OLD_WORDING, PHRASE]).to_csv(folder / "reference.csv", index=False)
    models: list[Model] = [_in_use(name)]
    turns, log = list[Turn](), list[pd.DataFrame]()
    for number, month in enumerate(stream.months[TRAINED:]):
        rows = stream.rows[stream.rows[MONTH] == month].reset_index(drop=True)
        scored = answered(name, rows)
        log.append(scored.assign(**{LABEL: rows[LABEL]}))
        if month in stream.turns:
            turns.append(turn(folder, month, rows, scored, budget=budget, name=name, seed=seed + number, say=say))
            models.append(_in_use(name))
    _watch(stream, log, accepted)
    say("the same year with labels drawn at random")
    measured = lines(stream, {WHEEL: models, RANDOM: _at_random(stream, turns, seed)})
    year = Year(tuple(turns), measured, budget, seed, folder)
    run_id = _log(year, project_run)
    return Year(year.turns, measured, budget, seed, folder, run_id)


def _in_use(name: str) -> Registered:
    champion = find_champion(f"models:/{name}@champion", name)
    assert champion is not None  # an address that names nothing is an error
    return Registered(champion)


def _at_random(stream: Stream, turns: list[Turn], seed: int) -> list[Model]:
    """Return the models of a year in which as many labels are trained on, of messages drawn at random."""
    n = round(sum(one.version.n_added for one in turns) / max(len(turns), 1))
    return list(spin(stream, at_random, n, seed=seed).models)


def _watch(stream: Stream, log: list[pd.DataFrame], reference: pd.DataFrame) -> None:
    """Log what a monitor would have said of July to December, with all labels known, against the first model's test."""
    watched = monitor(
        pd.concat(log, ignore_index=True), reference=reference, time=MONTH, label=LABEL, text=TEXT, slices=SLICES,
        scores={label: f"score.{label}" for label in sorted(stream.rows[LABEL].unique())}, cluster="customer_id",
    )  # fmt: skip
    log_as_run(watched, run_name="monitor: July to December")


def _log(year: Year, project_run: str | None) -> str:
    """Write the pages into the folder, and onto the run that ``mlflow run`` began, or onto a new one."""
    text, picture, report = pages.page(year), pages.figure(year), pages.report(year)
    (year.folder / names.FLYWHEEL_PAGE).write_text(text, encoding="utf-8")
    (year.folder / names.FLYWHEEL_REPORT).write_text(report, encoding="utf-8")
    figures.save(picture, year.folder / names.FLYWHEEL_FIGURE)
    files: list[File] = [
        Figure(names.FLYWHEEL_FIGURE, picture), Page(names.FLYWHEEL_REPORT, report),
        Table(names.FLYWHEEL_TABLE, year.lines.frame()),
    ]  # fmt: skip
    tags = {names.TAG_KIND: names.KIND_FLYWHEEL, names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION)}
    known = {} if project_run else {"budget": str(year.budget), "seed": str(year.seed)}
    known |= {"phrase_share": str(SHARE), "phrase_purity": str(PURITY)}
    with writer.run(None if project_run else RUN_NAME, run_id=project_run) as run:
        whole = Delivery(files, params=known, tags={**tags, "mlflow.runName": RUN_NAME})
        writer.send(run, writer.page_with_note(Page(names.FLYWHEEL_PAGE, text), whole))
        return run.run_id
