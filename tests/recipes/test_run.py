"""From rows to a decision: what is logged is right, and what goes wrong leaves nothing behind."""

from __future__ import annotations

import html
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow.entities import Run
from sklearn import metrics as sk
from sklearn.pipeline import Pipeline

from mlflow_evalplus import names, requirements
from mlflow_evalplus.tracking import footprint, timing
from mlflow_evalplus.tracking.comparison_run import log_comparison
from mlflow_evalplus.tracking.series import Series, compare_runs
from recipes.classifiers import linear
from recipes.classifiers.candidate import Candidate
from recipes.data.sources import load as load_rows
from recipes.data.split import split
from recipes.sentiment.__main__ import main
from recipes.sentiment.candidates import DEFAULT, choose
from recipes.sentiment.data import SHIPPED
from recipes.sentiment.run import SHIPPED_REQUIREMENTS
from recipes.sentiment.train import Task, run_series

ROOT = Path(__file__).parents[2]
VOTES = ("annotator_a", "annotator_b")


def few_messages(n: int = 200) -> pd.DataFrame:
    return load_rows(SHIPPED).frame.sample(n, random_state=0, ignore_index=True)


def series_of(candidates: Sequence[Candidate]) -> Series:
    task = Task(
        requirements.load(SHIPPED_REQUIREMENTS), "text", "label", VOTES, seed=0, source=load_rows(SHIPPED).source,
        latency_requests=3, footprint=False,
    )  # fmt: skip
    return run_series(candidates, split(few_messages(), text="text", label="label"), task)[0]


def all_runs() -> list[Run]:
    client = mlflow.MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments)


def assert_one_run_each_and_a_comparison(runs: list[Run], candidates: Sequence[str]) -> None:
    assert sorted(run.info.run_name for run in runs) == sorted([*candidates, "comparison"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert not [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len({run.data.tags[names.TAG_SERIES] for run in runs}) == 1
    kinds = {run.info.run_name: run.data.tags[names.TAG_KIND] for run in runs}
    assert kinds == dict.fromkeys(candidates, names.KIND_EVALUATION) | {"comparison": names.KIND_COMPARISON}
    iterations = {run.info.run_name: run.data.tags.get(names.TAG_ITERATION) for run in runs}
    assert iterations == {name: str(i) for i, name in enumerate(candidates, 1)} | {"comparison": None}


def logged_rows(run: Run) -> pd.DataFrame:
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=names.PREDICTIONS)
    return pd.read_parquet(path).astype({"label": str, "prediction": str})


def recomputed(rows: pd.DataFrame, costs: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the figures by scikit-learn from the logged predictions; a mean leaves undefined classes out."""
    y, p = rows["label"], rows["prediction"]
    labels = sorted(set(y))
    nan = {"zero_division": float("nan"), "labels": labels}
    figures = {
        "quality/accuracy": sk.accuracy_score(y, p),
        "quality/balanced_accuracy": sk.balanced_accuracy_score(y, p),
        "quality/f1_macro": sk.f1_score(y, p, average="macro", **nan),
        "quality/f1_weighted": sk.f1_score(y, p, average="weighted", **nan),
        "quality/precision_macro": sk.precision_score(y, p, average="macro", **nan),
        "quality/cohen_kappa": sk.cohen_kappa_score(y, p),
        "quality/n_examples": len(rows),
        "cost/error_cost": sum(costs.get(a, {}).get(b, 0) for a, b in zip(y, p, strict=True)) / len(rows),
    }
    if p.nunique() > 1:
        figures["quality/mcc"] = sk.matthews_corrcoef(y, p)
    for metric, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        by_class = zip(labels, score(y, p, average=None, **nan), strict=True)
        figures |= {f"{metric}_by_class/{label}": value for label, value in by_class if value == value}
    p_of = rows[[f"score.{label}" for label in labels]].to_numpy()
    own = p_of[np.arange(len(rows)), y.map(labels.index)]
    figures |= {
        "quality/log_loss": sk.log_loss(y, p_of, labels=labels),
        "quality/brier": np.mean(((p_of - pd.get_dummies(y)[labels].to_numpy()) ** 2).sum(axis=1)),
        "quality/top_2_accuracy": np.mean((p_of > own[:, None]).sum(axis=1) < 2),
    }
    sure = pd.DataFrame({"right": own == p_of.max(axis=1), "sure": p_of.max(axis=1)})
    bins = sure.groupby(np.minimum((sure["sure"] * 10).astype(int), 9))
    figures["quality/ece"] = (bins["right"].sum() - bins["sure"].sum()).abs().sum() / len(rows)
    for place, label in enumerate(labels):
        figures[f"roc_auc_by_class/{label}"] = sk.roc_auc_score(y == label, p_of[:, place])
    for column in (c for c in rows.columns if c.startswith("slice.")):
        by_value = y.eq(p).groupby(rows[column].astype(str)).mean()
        figures |= {f"accuracy_by_{column.removeprefix('slice.')}/{value}": share for value, share in by_value.items()}
    return figures


def assert_figures_are_right(run: Run) -> None:
    costs = {a: dict(row) for a, row in requirements.load(SHIPPED_REQUIREMENTS).error_costs.items()}
    expected = recomputed(logged_rows(run), costs)
    sections = ("quality/", "cost/error", "precision_by", "recall_by", "f1_by", "roc_auc_by", "accuracy_by")
    logged = {key: value for key, value in run.data.metrics.items() if key.startswith(sections)}
    bounds = {key for key in logged if key.endswith(("_lower", "_upper"))}
    assert {key: value for key, value in logged.items() if key not in bounds} == pytest.approx(
        expected, rel=0, abs=1e-12
    )
    assert len(expected) > 30
    for key in bounds:
        point = logged[key.removesuffix("_lower").removesuffix("_upper")]
        assert logged[key] <= point + 1e-12 if key.endswith("_lower") else logged[key] >= point - 1e-12


@pytest.mark.slow
def test_a_series_is_one_run_per_candidate_and_a_comparison_with_the_right_figures(store: str) -> None:
    series = series_of(choose("majority,words_chars_rules"))
    runs = all_runs()
    assert_one_run_each_and_a_comparison(runs, ["majority", "words_chars_rules"])
    for run in runs:
        if run.info.run_name != "comparison":
            assert_figures_are_right(run)
    assert (series.baseline, series.winner) == ("majority", "words_chars_rules")
    (comparison,) = (run for run in runs if run.info.run_name == "comparison")
    page = mlflow.artifacts.load_text(f"runs:/{comparison.info.run_id}/{names.COMPARISON_REPORT}")
    assert "<bdi>words_chars_rules</bdi> is not cleared for launch</h1>" in page
    assert log_comparison(compare_runs(list(series.runs.values()))).run_id == comparison.info.run_id


@pytest.mark.slow
def test_all_candidates_are_scored_on_the_same_rows_with_the_right_figures(store: str) -> None:
    series = series_of(choose(""))
    runs = all_runs()
    assert_one_run_each_and_a_comparison(runs, list(DEFAULT))
    by_name = {run.info.run_name: run for run in runs if run.info.run_name != "comparison"}
    for run in by_name.values():
        assert_figures_are_right(run)
    assert len({run.data.tags[names.TAG_DATA_DIGEST] for run in by_name.values()}) == 1
    rows = {name: logged_rows(run).set_index("example_id") for name, run in by_name.items()}
    best = rows[series.winner]
    for name, run in by_name.items():
        if name != "majority":
            accuracy = rows[name]["label"].eq(rows[name]["prediction"]).mean()
            baseline = rows["majority"]["label"].eq(rows["majority"]["prediction"]).mean()
            key = names.comparison_key(by_name["majority"].info.run_id, "accuracy", "diff")
            assert run.data.metrics[key] == pytest.approx(accuracy - baseline, abs=1e-12)
        assert rows[name]["label"].reindex(best.index).eq(best["label"]).all()
    agreeing = split(few_messages(), text="text", label="label").train
    assert by_name["consensus"].data.params["n_train"] == str(agreeing["annotator_a"].eq(agreeing["annotator_b"]).sum())
    page = mlflow.artifacts.load_text(
        f"runs:/{next(r for r in runs if r.info.run_name == 'comparison').info.run_id}/{names.COMPARISON_PAGE}"
    )
    assert all(name.replace("_", r"\_") in page for name in DEFAULT)


@pytest.mark.slow
def test_what_was_asked_besides_is_said_by_every_later_comparison(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare` refreshes the comparison of the recipe: what only the recipe knew would be lost."""
    few_messages(400).to_csv("few.csv", index=False)
    options = ["--data", "few.csv", "--candidates", "words,words+by:language+temperature", "--learning-curve", "true"]
    done = command(monkeypatch, *options)
    assert done.exit_code == 0, done.output
    runs = [run for run in all_runs() if run.data.tags[names.TAG_KIND] == names.KIND_EVALUATION]
    ours = sorted(runs, key=lambda run: run.data.tags[names.TAG_ITERATION])
    series = compare_runs(ours)
    assert sum("more labels like these would buy" in line or "learning curve" in line for line in series.remarks) == 2
    assert sum("add the candidate 'words+temperature'" in line for line in series.remarks) == 1
    for text in (done.stdout.replace("\n", " "), series.page.replace("\\", ""), series.report):
        assert "words+by:language+temperature: add the candidate" in " ".join(html.unescape(text).split())
    (model,) = (entry.model_id for entry in ours[1].outputs.model_outputs)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model}"))
    assert (folder / "artifacts" / "model" / "model.json").is_file()
    assert ours[1].data.params["by"] == "language"


@pytest.mark.slow
def test_rules_of_ones_own_lie_on_top_and_are_judged(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = few_messages(150)
    frame["label"] = frame["label"].str.upper()
    frame.to_csv("moods.csv", index=False)
    Path("mine.yaml").write_text("- {pattern: 'refund|退款', label: NEGATIVE, weight: 1.5}\n", encoding="utf-8")
    done = command(monkeypatch, "--data", "moods.csv", "--candidates", "words+rules", "--rules", "mine.yaml")
    assert done.exit_code == 0, done.output
    (run,) = (run for run in all_runs() if run.info.run_name == "words+rules")
    assert "refund" in mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{names.RULES_PAGE}")
    assert {"base.NEGATIVE", "score.NEGATIVE"} <= set(logged_rows(run).columns)


@pytest.mark.slow
def test_what_is_wrong_with_the_data_is_said_before_anything_is_trained(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = few_messages(200).assign(split=["train"] * 140 + ["test"] * 60)
    frame.loc[150:154, "label"] = "Positive"
    frame.to_csv("dirty.csv", index=False)
    done = command(monkeypatch, "--data", "dirty.csv", "--candidates", "words")
    assert done.exit_code == 0, done.output
    said = done.stdout.index("Data, error:")
    assert said < done.stdout.index("words: word TF-IDF")


@pytest.mark.slow
def test_scores_are_probabilities_whose_largest_is_the_prediction(store: str) -> None:
    series = series_of(choose("words"))
    rows = logged_rows(series.runs["words"])
    scores = rows.filter(like="score.")
    assert scores.sum(axis=1).to_numpy() == pytest.approx(1)
    assert scores.idxmax(axis=1).str.removeprefix("score.").tolist() == rows["prediction"].tolist()


@pytest.mark.slow
def test_a_failing_candidate_leaves_its_run_failed_and_none_running(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(seed: int) -> Pipeline:
        raise RuntimeError("out of memory, say")

    monkeypatch.setitem(linear.PIPELINES, "words_chars", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        series_of(choose("majority,words_chars,words"))
    statuses = {run.info.run_name: run.info.status for run in all_runs()}
    assert statuses == {"majority": "FINISHED", "words_chars": "FAILED"}
    assert mlflow.active_run() is None


@pytest.fixture
def tickets(store: str) -> pd.DataFrame:
    """Write few messages to tickets.csv in the working folder."""
    frame = few_messages(120)
    frame.to_csv("tickets.csv", index=False)
    return frame


def command(monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    for variable in ("MLFLOW_LOGGING_LEVEL", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        monkeypatch.setenv(variable, os.environ.get(variable, "ERROR" if "LEVEL" in variable else "false"))
    monkeypatch.setattr(timing, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(footprint, "measure", lambda model, features, where: (None, ()))
    return CliRunner().invoke(main, options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--data ticket.csv", "there is no file 'ticket.csv'. Did you mean 'tickets.csv'?"),
        ("--data empty.csv", "'empty.csv' is empty"),
        ("--data latin1.csv", "not UTF-8: line 2"),
        ("--data damaged.parquet", "cannot be read as .parquet"),
        ("--data tickets.csv --label sentiment", "label column 'sentiment' is not in the data"),
        ("--data tickets.csv --text message", "column 'message' is not in the data"),
        ("--data tickets.csv --slices chanel", "column 'chanel' is not in the data"),
        ("--data tickets.csv --split fold", "column 'fold' is not in the data"),
        ("--data tickets.csv --annotators annotator_a,annotator_c", "column 'annotator_c' is not in the data"),
        ("--data tickets.csv --candidates consensus", "needs the votes of two annotators"),
        ("--data tickets.csv --requirements none.yaml", "cannot read requirements 'none.yaml'"),
        ("--data tickets.csv --requirements two.yaml", "labels that are not declared: ['positive']"),
        ("--data tickets.csv --label text", "labels have 2 to 1,000"),
        ("--data one_label.csv --requirements any.yaml", "would learn from the labels ['neutral'] only"),
        ("--data unlabelled.csv --requirements any.yaml", "7 of 120 rows have no 'label'"),
        ("--data single.csv --requirements any.yaml", "cannot be parted"),
        ("--candidates word", "unknown candidate 'word'"),
        ("--candidates words+by:chanel", "column 'chanel' is not in the data"),
        ("--candidates words --settings epochs", "setting 'epochs': write name=value"),
        ("--candidates words --settings epoch=3", "unknown setting 'epoch'"),
        ("--candidates words+by:message_id", "different values; a candidate can have a model for each"),
        ("--candidates words+by:label", "holds the labels; a candidate has a model for each value of another column"),
        ("--data tickets.csv --candidates words+temperature --test-size 0.5", "leave '+temperature' out"),
        ("--data moods.csv --candidates words+rules", "no rule of rules.yaml is for one of the labels"),
        ("--candidates words+rules --rules none.yaml", "the keyword rules 'none.yaml' cannot be read"),
    ],
)
def test_bad_input_is_one_error_and_no_run(
    tickets: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, options: str, says: str
) -> None:
    Path("empty.csv").write_bytes(b"")
    Path("latin1.csv").write_bytes(b"text,label\nna\xefve,a\n")
    Path("damaged.parquet").write_bytes(b"PAR1")
    Path("two.yaml").write_text("task: {labels: [negative, neutral]}", encoding="utf-8")
    Path("any.yaml").write_text("schema_version: 1", encoding="utf-8")
    tickets.assign(label="neutral").to_csv("one_label.csv", index=False)
    tickets.assign(label=tickets["label"].mask(tickets.index < 7)).to_csv("unlabelled.csv", index=False)
    tickets.head(1).to_csv("single.csv", index=False)
    tickets.assign(label=tickets["label"].str.upper()).to_csv("moods.csv", index=False)
    done = command(monkeypatch, *options.split())
    assert done.exit_code == 1
    assert done.stderr.count("Error:") == 1
    assert done.stderr.startswith("Error: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert isinstance(done.exception, SystemExit)
    assert all_runs() == []


def test_every_mistake_in_the_requirements_is_in_the_one_error(
    tickets: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("wrong.yaml").write_text("confidence: 2\nslices: [channel]\npriority: speed\n", encoding="utf-8")
    done = command(monkeypatch, "--data", "tickets.csv", "--requirements", "wrong.yaml")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: wrong.yaml has 2 mistakes:\n  line 1: confidence:")
    assert "line 3: priority:" in done.stderr
    assert all_runs() == []


@pytest.mark.slow
def test_own_data_without_requirements_are_drafted_split_and_sliced_as_asked(
    tickets: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = ["train"] * 80 + ["test"] * 40
    tickets.rename(columns={"text": "body", "label": "mood"}).assign(side=sides).to_csv(
        "own.tsv", sep="\t", index=False
    )
    options = ["--data", "own.tsv", "--text", "body", "--label", "mood", "--split", "side", "--candidates", "words"]
    done = command(monkeypatch, *options, "--slices", "channel, language")
    assert done.exit_code == 0, done.output
    assert "80 training rows, 40 test rows" in done.stdout
    (run,) = (run for run in all_runs() if run.info.run_name == "words")
    rows = logged_rows(run)
    assert sorted(rows["text"]) == sorted(tickets["text"][80:])
    assert {c for c in rows.columns if c.startswith("slice.")} == {"slice.channel", "slice.language"}


@pytest.mark.slow
def test_bad_input_in_a_fresh_process_is_one_line(tickets: pd.DataFrame) -> None:
    """Libraries that log or warn beside our line show only in a process of its own."""
    Path("damaged.csv").write_text("text,label\na,b\nhi, you, all,b\n", encoding="utf-8")
    Path("damaged.jsonl").write_text('{"text": "a"\n', encoding="utf-8")
    for options in (["--data", "ticket.csv"], ["--data", "damaged.csv"], ["--data", "damaged.jsonl"]):
        done = subprocess.run(
            [sys.executable, "-m", "recipes.sentiment", *options],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("Error: ")
        assert not done.stdout
    assert all_runs() == []


def mlflow_run(*options: str) -> subprocess.CompletedProcess[str]:
    mlflow.set_experiment("project")
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_EXPERIMENT_ID"}
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local"]
    return subprocess.run(
        [*command, "--experiment-name", "project", *options],
        capture_output=True, text=True, check=False,
        env={**environment, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip


@pytest.mark.slow
def test_mlflow_run_on_bad_input_leaves_its_own_run_failed_and_no_other(store: str) -> None:
    done = mlflow_run("-P", "data=nowhere.csv")
    assert done.returncode != 0
    assert "Error: there is no file 'nowhere.csv'." in done.stderr
    (run,) = all_runs()
    assert run.info.status == "FAILED"


@pytest.mark.slow
def test_mlflow_run_does_it_all_and_its_own_run_carries_the_comparison(store: str) -> None:
    done = mlflow_run()
    assert done.returncode == 0, done.stderr[-3000:]
    runs = all_runs()
    assert_one_run_each_and_a_comparison(runs, list(DEFAULT))
    (project,) = (run for run in runs if "mlflow.project.entryPoint" in run.data.tags)
    assert project.info.run_name == "comparison"
    assert project.data.tags[names.TAG_SERIES] == project.info.run_id
    for run in runs:
        assert run.info.artifact_uri.startswith(str(Path.cwd())) or run.info.artifact_uri.startswith(
            Path.cwd().as_uri()
        )
        if run is not project:
            assert run.data.metrics["quality/n_examples"] == 360
            assert_figures_are_right(run)
    accuracy = {run.info.run_name: run.data.metrics["quality/accuracy"] for run in runs if run is not project}
    assert accuracy["majority"] < 0.45 < accuracy["words"] - 0.1
