"""What is done while something breaks: each command, and the Python calls in a run of the user's own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tests.core.adjudicating.queues import filled, small

ROOT = Path(__file__).parents[2]
N = 60
ASKED = {
    "schema_version": 1,
    "task": {"name": "faults", "label": "label", "text": "text", "labels": ["no", "yes"]},
    "slices": ["channel"],
    "thresholds": [{"metric": "accuracy", "min": 0.5}],
}
MODEL = """
import mlflow
from mlflow.pyfunc import PythonModel


class Words(PythonModel):
    def predict(self, context, model_input, params=None):
        return ["yes" if "good" in text else "no" for text in model_input["text"]]


mlflow.models.set_model(Words())
"""
CANDIDATES = {
    "schema_version": 1, "repeats": 1,
    "candidates": [{"name": "large", "answers": "large.jsonl"}, {"name": "small", "answers": "small.jsonl"}],
}  # fmt: skip


def make_inputs(folder: Path) -> None:
    """Write the files that all operations read."""
    rng = np.random.default_rng(3)
    label = np.where(np.arange(N) % 2, "yes", "no")
    word = np.where(rng.random(N) < 0.85, np.where(label == "yes", "good", "bad"), "good")
    frame = pd.DataFrame({
        "example_id": [f"e{i:02}" for i in range(N)], "text": [f"{w} thing {i}" for i, w in enumerate(word)],
        "label": label, "channel": np.where(np.arange(N) % 3, "app", "web"),
    })  # fmt: skip
    frame.to_csv(folder / "test.csv", index=False)
    frame.assign(prediction=np.where(word == "good", "yes", "no")).to_csv(folder / "answers.csv", index=False)
    frame.assign(prediction=label[::-1]).to_csv(folder / "other.csv", index=False)
    days = pd.date_range("2026-01-01", periods=N).strftime("%Y-%m-%d")
    frame.assign(prediction=np.where(word == "good", "yes", "no"), day=days).to_csv(folder / "log.csv", index=False)
    (folder / "requirements.yaml").write_text(yaml.safe_dump(ASKED), encoding="utf-8")
    _write_evidence(folder, rng)
    _write_queue(folder)
    _write_questions(folder)
    _save_model(folder)


def _write_evidence(folder: Path, rng: np.random.Generator) -> None:
    pd.DataFrame({
        "rater": np.tile(["anna", "bo"], 20), "example": np.repeat([f"e{i:02}" for i in range(20)], 2),
        "rating": rng.integers(0, 2, 40),
    }).to_csv(folder / "ratings.csv", index=False)  # fmt: skip
    pd.DataFrame({
        "user": [f"u{i}" for i in range(200)], "variant": np.tile(["A", "B"], 100), "outcome": rng.integers(0, 2, 200)
    }).to_csv(folder / "outcomes.csv", index=False)  # fmt: skip


def _write_queue(folder: Path) -> None:
    from mlflow_evalplus.core.collecting.queue_files import write_queue

    queue = small(8)
    write_queue(queue, folder / "given", labels=["neg", "pos"])
    back = filled(queue, annotator_1=["neg"] * 8, annotator_2=["neg"] * 5 + ["pos"] * 3)
    back.to_csv(folder / "filled.csv", index=False)


def _write_questions(folder: Path) -> None:
    shipped = ROOT / "recipes" / "selection"
    lines = (shipped / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    closed = [line for line in lines if json.loads(line)["type"] == "choice"][:8]
    (folder / "questions.jsonl").write_text("\n".join(closed) + "\n", encoding="utf-8")
    for name in ("large", "small"):
        shutil.copy(shipped / "recorded" / f"{name}.jsonl", folder)
    (folder / "candidates.yaml").write_text(yaml.safe_dump(CANDIDATES), encoding="utf-8")


def _save_model(folder: Path) -> None:
    import mlflow

    (folder / "words.py").write_text(MODEL, encoding="utf-8")
    mlflow.pyfunc.save_model(
        str(folder / "model"), python_model=str(folder / "words.py"), pip_requirements=["mlflow"],
        input_example=None, signature=_signature(),
    )  # fmt: skip


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(Schema([ColSpec("string", "text")]), Schema([ColSpec("string")]))


def command(*arguments: str) -> int:
    """Run the program's own entry point; return its exit code."""
    from mlflow_evalplus.cli import main

    sys.argv = ["mlflow-evalplus", *arguments]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _in_own_run(model: str | Path) -> int:
    import mlflow

    config = {"requirements": "requirements.yaml", "latency_requests": 0, "footprint": False}
    with mlflow.start_run(run_name="mine"):
        mlflow.log_param("mine", 1)
        mlflow.models.evaluate(
            mlflow.pyfunc.load_model(str(model)), pd.read_csv("test.csv"), targets="label", model_type="classifier",
            evaluators=["evalplus"], evaluator_config={"evalplus": config},
        )  # fmt: skip
    return 0


def _log_model() -> int:
    import mlflow

    with mlflow.start_run(run_name="trained"):
        info = mlflow.pyfunc.log_model(
            name="words", python_model="words.py", pip_requirements=["mlflow"], signature=_signature()
        )
    Path("model_uri").write_text(info.model_uri, encoding="utf-8")
    return 0


def _logged_model() -> int:
    return _in_own_run(Path("model_uri").read_text(encoding="utf-8"))


def _log() -> int:
    import mlflow

    import mlflow_evalplus as ep

    evaluation = ep.evaluate(pd.read_csv("answers.csv"), requirements="requirements.yaml")
    with mlflow.start_run(run_name="mine"):
        mlflow.log_metric("mine", 1.0)
        ep.log(evaluation)
    return 0


def _evaluated(*files: str) -> int:
    return max(command("evaluate", "--predictions", f"{file}.csv", *ASK, "--run-name", file) for file in files)


ASK = ("--requirements", "requirements.yaml")


def here() -> tuple[str, str]:
    """Return the option that looks for runs in this trial's experiment only: others run side by side."""
    return "--experiment", os.environ["MLFLOW_EXPERIMENT_NAME"]


@dataclass(frozen=True)
class Operation:
    """What is done; `before` is done without a fault.

    Attributes
    ----------
    act : callable
    before : callable or None
    again : bool
        Whether the same command again is to change nothing, rather than to make a run of its own.
    """

    act: Callable[[], int]
    before: Callable[[], int] | None = None
    again: bool = False


OPERATIONS = {
    "evaluate --predictions": Operation(lambda: command(
        "evaluate", "--predictions", "answers.csv", *ASK, "--run-name", "one", "--exit-zero"
    )),
    "evaluate --model": Operation(lambda: command(
        "evaluate", "--model", "model", "--data", "test.csv", *ASK, "--no-timing", "--run-name", "one", "--exit-zero"
    )),
    "mlflow.models.evaluate": Operation(lambda: _in_own_run("model")),
    "mlflow.models.evaluate, logged model": Operation(_logged_model, _log_model),
    "ep.log": Operation(_log),
    "compare": Operation(
        lambda: command("compare", "answers", "other", *here()), lambda: _evaluated("answers", "other"), True
    ),
    "monitor": Operation(lambda: command(
        "monitor", "log.csv", *ASK, "--window", "20", "--time", "day", "--run-name", "m"
    )),
    "collect": Operation(lambda: command("collect", "log.csv", *ASK, "--n", "10", "--out", "queue", "--force")),
    "adjudicate": Operation(lambda: command("adjudicate", "filled.csv", "--queue", "given")),
    "select": Operation(lambda: command("select", "questions.jsonl", "--candidates", "candidates.yaml", "--no-why")),
    "ratings": Operation(
        lambda: command("ratings", "ratings.csv", "--run", "answers", *here()), lambda: _evaluated("answers"), True
    ),
    "ab": Operation(
        lambda: command("ab", "outcomes.csv", "--run", "answers", *here()), lambda: _evaluated("answers"), True
    ),
    "resume": Operation(lambda: command("resume")),
}  # fmt: skip
