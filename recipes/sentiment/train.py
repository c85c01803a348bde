"""Train each candidate, evaluate and log it as its own run, compare, decide."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import mlflow
import pandas as pd
import yaml
from mlflow.data.pandas_dataset import PandasDataset

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.keyword_rules import load_rules
from mlflow_evalplus.core.privacy.masking import mask
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.tracking import store, writer
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, log_comparison
from mlflow_evalplus.tracking.learning_curve import log_learning_curve
from mlflow_evalplus.tracking.recorded import record_baseline
from mlflow_evalplus.tracking.series import Series, compare_runs
from recipes.classifiers.candidate import Candidate
from recipes.classifiers.fit import Rows, Training, fit, predictor
from recipes.classifiers.learning_curve import measure
from recipes.classifiers.logged import log_model
from recipes.classifiers.scenarios import against_one_for_all
from recipes.classifiers.unfinished import Work, work_on
from recipes.data.inputs import log_inputs
from recipes.data.loaded import Source
from recipes.data.split import Split
from recipes.sentiment.candidates import RULES, training_rows


@dataclass(frozen=True)
class Task:
    """What is the same for all iterations.

    Attributes
    ----------
    requirements : Requirements
    text, label : str
        Columns.
    annotators : tuple of str
        Columns of votes.
    seed : int
    source : Source
        Where the rows come from.
    latency_requests, footprint
        As the evaluator takes them.
    settings : dict
        Of the training of transformers and embeddings.
    rules_file : Path
        Keyword rules: what explains errors, and what lies on top of a candidate that has them.
    learning_curve : bool
        Whether each candidate is also fitted on parts of the rows.
    test_source : Source or None
        Where the test rows come from; None where it is `source` too.
    """

    requirements: Requirements
    text: str
    label: str
    annotators: tuple[str, ...]
    seed: int
    source: Source
    latency_requests: int = 200
    footprint: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    rules_file: Path = RULES
    learning_curve: bool = False
    test_source: Source | None = None

    def rows(self, frame: pd.DataFrame) -> Rows:
        """Return training rows with what their columns are."""
        cluster = self.requirements.cluster
        return Rows(frame, self.text, self.label, cluster if cluster in frame else None)

    @cached_property
    def rules(self) -> list[dict[str, Any]]:
        """The keyword rules; what is wrong with them is told as an error."""
        load_rules(self.rules_file)
        return list(yaml.safe_load(self.rules_file.read_text(encoding="utf-8")))

    def rules_for(self, labels: Sequence[str]) -> str | None:
        """Return the file of the rules, where any is for one of the labels."""
        known = {rule.label for rule in load_rules(self.rules_file)}
        return str(self.rules_file) if known & set(labels) else None


def run_series(
    candidates: Sequence[Candidate],
    split: Split,
    task: Task,
    on_step: Callable[[str], None] = lambda step: None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Series, LoggedComparison]:
    """Train, log and evaluate each candidate as its own run; compare them; log the comparison.

    `on_step` is told which candidate is next, `say` how far its training is. The run that ``mlflow run`` began for us
    carries the comparison; outside of it a run of that name is made.
    """
    client = store.client()
    project_run = os.environ.pop("MLFLOW_RUN_ID", None)
    series_id = project_run or uuid.uuid4().hex
    runs, remarks = [], dict[str, list[str]]()
    for number, candidate in enumerate(candidates, start=1):
        on_step(f"{candidate.name}: {candidate.note}")
        tags = {names.TAG_SERIES: series_id, names.TAG_ITERATION: str(number)}
        run_id, curve = iterate(candidate, split, task, tags, say)
        runs.append(client.get_run(run_id))
        remarks[candidate.name] = [f"{candidate.name}: {curve}"] if curve else []
    on_step("comparing")
    series = compare_runs(runs)
    for name, sentence in against_one_for_all(candidates, series.evaluations).items():
        remarks[name].append(sentence)
    for name, lines in remarks.items():
        if lines:  # on the run, so that any later comparison says it too
            client.set_tag(series.runs[name].info.run_id, names.TAG_REMARK, "\n".join(lines))
    series = replace(series, runs={name: client.get_run(run.info.run_id) for name, run in series.runs.items()})
    with writer.gathering():
        record_baseline(series)
        return series, log_comparison(series, project_run, tags={names.TAG_SERIES: series_id})


def iterate(
    candidate: Candidate,
    split: Split,
    task: Task,
    tags: Mapping[str, str],
    say: Callable[[str], None] = lambda line: None,
) -> tuple[str, str]:
    """Fit, log the model, evaluate it through the plugin; return the run's id, and what a learning curve says."""
    rows = task.rows(training_rows(candidate, split.train, task.annotators))
    params = {
        "candidate": candidate.name, "n_test": len(split.test), "split_by": split.how, "training_seed": task.seed,
        "rows_from": task.source.reference, "keyword_rules": candidate.rules, "consensus_only": candidate.consensus,
        **({"by": candidate.by} if candidate.by else {}),
    }  # fmt: skip
    with _work(candidate, rows, split, task, params) as work:
        if work.run_id:
            say(f"{candidate.name}: an interrupted training goes on, in its run {work.run_id}")
        opened = writer.run(
            None if work.run_id else candidate.name, run_id=work.run_id, tags=tags, description=candidate.note,
            needed=True,
        )  # fmt: skip
        with opened as run, TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            folder.mkdir()
            work.belongs_to(run.run_id)
            mlflow.log_params(params)
            training = Training(
                work.folder, task.seed, task.settings, task.rules if candidate.rules else (),
                log=lambda metrics, step: mlflow.log_metrics(metrics, step=step),
                say=lambda line: say(f"{candidate.name}: {line}"),
            )  # fmt: skip
            known = fit(candidate, rows, folder, training)
            mlflow.log_params({name: value for name, value in known.items() if name not in run.params})
            model = log_model(candidate, folder, text=task.text, example=_example(rows, task))
            curve = _learning_curve(candidate, folder, rows, split, task, training) if task.learning_curve else ""
            _evaluate(candidate, model.model_uri, rows, split, task)
        return run.run_id, curve


def _example(rows: Rows, task: Task) -> str:
    """Return the text that MLflow shows as the model's input: one of the rows, as far as texts are stored."""
    text = rows.texts[0]
    return {"full": text, "masked": mask(text)}.get(task.requirements.store_text, "a text")


def _evaluate(candidate: Candidate, model_uri: str, rows: Rows, split: Split, task: Task) -> None:
    inputs = log_inputs(
        rows.frame, split.test, task.source, text=task.text, label=task.label, test_source=task.test_source
    )
    learnt = {
        "training": rows.frame, "rules": task.rules_for(rows.labels),
        "applied_rules": str(task.rules_file) if candidate.rules else None,
    }  # fmt: skip
    evaluate_model(model_uri, inputs, task, learnt)


def evaluate_model(model_uri: str, inputs: PandasDataset, task: Task, learnt: Mapping[str, Any] | None = None) -> None:
    """Evaluate a logged or registered model into the active run, through the plugin.

    Parameters
    ----------
    model_uri : str
    inputs : PandasDataset
        The test rows, listed as an input of the run already.
    task : Task
    learnt : mapping, optional
        What is known of its training, as the evaluator takes it.
    """
    mlflow.models.evaluate(
        model_uri,
        inputs,
        model_type="classifier",
        evaluators=["evalplus"],
        evaluator_config={
            "evalplus": {
                "requirements": task.requirements, "text": task.text, "annotators": task.annotators,
                "latency_requests": task.latency_requests, "footprint": task.footprint, **(learnt or {}),
            }
        },
    )  # fmt: skip


def _learning_curve(
    candidate: Candidate, folder: Path, rows: Rows, split: Split, task: Task, training: Training
) -> str:
    """Fit the candidate on parts of its rows, too; log the curve and return what it says, or why there is none.

    A transformer is fitted on few parts, since each takes long. A temperature changes no answer but those of rules on
    top; so that without rules the parts, which may be too few to hold rows out, do without.
    """
    few = {"sizes": 4, "repeats": 1} if candidate.base == "transformer" else {}
    fitted = replace(candidate, temperature=candidate.temperature and candidate.rules)
    as_parts = candidate.holds_out == fitted.holds_out
    cluster = rows.cluster if rows.cluster in split.test else None
    quiet = replace(training, log=lambda metrics, step: None, say=lambda line: None)
    with TemporaryDirectory() as parent:

        def fit_part(frame: pd.DataFrame) -> Callable[[pd.DataFrame], list[str]]:
            if len(frame) == len(rows) and as_parts:  # the model that is there
                return predictor(candidate, folder, task.text)
            part, work = Path(mkdtemp(dir=parent)), Path(mkdtemp(dir=parent))
            fit(fitted, replace(rows, frame=frame), part, replace(quiet, work=work))
            answer = predictor(candidate, part, task.text)
            for done in (part, work):
                shutil.rmtree(done, ignore_errors=True)  # a network for each part would fill the disk
            return answer

        try:
            curve = measure(
                fit_part, rows.frame, split.test, text=task.text, label=task.label, cluster=cluster, seed=task.seed,
                prices=task.requirements.prices, confidence=task.requirements.confidence, on_step=training.say, **few,
            )  # fmt: skip
        except DataError as error:  # what was asked besides does not lose the run
            return f"there is no learning curve: {error}"
    log_learning_curve(curve)
    return curve.sentence


@contextmanager
def _work(candidate: Candidate, rows: Rows, split: Split, task: Task, params: Mapping[str, Any]) -> Iterator[Work]:
    """Give a folder for checkpoints: of a training that takes long, one that is found again after a kill."""
    if candidate.base != "transformer":
        with TemporaryDirectory() as folder:
            yield Work(Path(folder), None)
        return
    test = split.test
    columns = (rows.texts, rows.labels, test[task.text].astype(str).tolist(), test[task.label].astype(str).tolist())
    experiment = mlflow.tracking.fluent._get_experiment_id()
    what = {**params, "note": candidate.note, "settings": dict(task.settings), "experiment": experiment}
    with work_on(what, columns) as work:
        yield work
