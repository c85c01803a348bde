"""Every block of the README runs, and says what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlflow_evalplus import requirements

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_python_blocks_run_and_print_what_their_comments_say(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, object] = {}
    local = [block for block in blocks("python") if "pyspark" not in block]
    said = [c for block in local for c in re.findall(r"^print\(.*\)\s+# (.*)$", block, re.M)]
    for block in local:
        exec(block, scope)
    assert said
    assert capsys.readouterr().out.splitlines() == said


def test_requirements_block_is_accepted() -> None:
    (block,) = blocks("yaml")
    assert len(requirements.load(yaml.safe_load(block)).thresholds) == 5


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.slow
def test_commands_run_in_order_as_written(store: str) -> None:
    """From the main job to the last command, in one working folder, as a user would type them."""
    environment = {
        **{key: value for key, value in os.environ.items() if key != "MLFLOW_EXPERIMENT_ID"},
        "MLFLOW_TRACKING_URI": store,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    _shell(f"mlflow run {shlex.quote(str(ROOT))} --env-manager local --experiment-name tests", environment)
    _shell("mlflow-evalplus promote --name sentiment", environment)
    Path("recipes").symlink_to(ROOT / "recipes")
    for entry_point in ("compare", "promote"):  # with every parameter at its default
        _shell(f"mlflow run {shlex.quote(str(ROOT))} -e {entry_point} --env-manager local", environment)
    (commands,) = [block for block in blocks("bash") if "mlflow-evalplus init" in block]
    _shell(commands, environment)
    _choose(environment)
    _score_with_spark(environment)
    _turn_the_wheel(environment)
    for mentioned in ("compare", "gate", "evaluate", "labels", "promote", "doctor", "init", "requirements", "select"):
        assert f"mlflow-evalplus {mentioned}" in README


def _choose(environment: dict[str, str]) -> None:
    """The tests' environment has the extra that the block installs first."""
    (commands,) = [block for block in blocks("bash") if "-e select" in block]
    install, _, rest = commands.partition(" && ")
    assert install == "pip install -e '.[selection]'"
    _shell(rest.replace("mlflow run .", f"mlflow run {shlex.quote(str(ROOT))}"), environment)


def _turn_the_wheel(environment: dict[str, str]) -> None:
    """A project runs in its own folder; here it writes into the working folder."""
    (commands,) = [block for block in blocks("bash") if "-e flywheel" in block]
    here = commands.replace("mlflow run .", f"mlflow run {shlex.quote(str(ROOT))}")
    here = here.replace("-e flywheel ", '-e flywheel -P folder="$PWD/flywheel" ')
    _shell(re.sub(r"(dataset|test)=(?=flywheel/)", r'\1="$PWD"/', here), environment)
    versions = Path("flywheel/training/versions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(versions) == 4, "the year has three turns"
    assert {path.name for path in Path("october").iterdir()} >= {"queue.csv", "queue.jsonl"}


def _score_with_spark(environment: dict[str, str]) -> None:
    """What Spark's workers predict and Spark counts is what the model says of the rows at hand."""
    pytest.importorskip("pyspark")
    (block,) = [block for block in blocks("python") if "pyspark" in block]
    at_hand = """
import pandas
rows = pandas.read_csv("recipes/sentiment/messages.csv", keep_default_na=False)
rows["prediction"] = mlflow.pyfunc.load_model("models:/sentiment@challenger").predict(rows[["text"]])["prediction"]
expected = ep.evaluate(rows.drop(columns="text"), slices=["channel", "language"], cluster="customer_id")
assert expected == result and expected.n == 1800, (expected, result)
"""
    Path("spark.py").write_text(f"import mlflow\nimport mlflow_evalplus as ep\n\n{block}{at_hand}")
    _shell("python spark.py", environment)


def _shell(script: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
