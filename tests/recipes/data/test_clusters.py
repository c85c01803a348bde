"""Cases of a queue among messages of known customers: a turn of the wheel, from a data file to the recipe's split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.training_data.training_data import TrainingData
from recipes.data.clusters import filled
from recipes.data.files import load
from recipes.sentiment import run as recipe
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli
LABELS = ("negative", "positive")
WORDS = ["late", "wet", "kind", "fast", "broken"]


def messages(n: int, first: int) -> list[str]:
    """Return n texts, no two of them with a word in common."""
    return [" ".join(f"{word}{i}" for word in WORDS) for i in range(first, first + n)]


def turned(cli: Cli) -> pd.DataFrame:
    """Go one turn by the commands alone, and return the first data: customers are known of these only."""
    first = pd.DataFrame({"text": messages(120, 0), "label": LABELS * 60, "channel": ["app", "web", "app"] * 40})
    first.assign(customer_id=[float(i // 3) for i in range(120)]).to_csv("first.csv", index=False)
    assert cli("versions", "training", "--create", "first.csv").code == 0
    log = pd.DataFrame({"text": messages(300, 1_000), "prediction": LABELS * 150, "channel": "app", "at": "2026-07-01"})
    log.to_csv("log.csv", index=False)
    assert cli("collect", "log.csv", "--n", "40", "--slices", "channel", "--time", "at", "--no-log").code == 0
    queue = pd.read_csv("queue/queue.csv", dtype=str, keep_default_na=False)
    labels = [LABELS[i % 2] for i in range(len(queue))]
    queue.assign(annotator_1=labels, annotator_2=labels).to_csv("filled.csv", index=False)
    assert cli("adjudicate", "filled.csv", "--queue", "queue", "--add-to", "training", "--no-log").code == 0
    return load("first.csv").frame


def test_after_a_turn_the_recipe_loads_and_parts_the_grown_data(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, parted = turned(cli), []

    def stop(chosen: object, split: Any, *rest: object) -> None:
        parted.append(split)
        raise KeyboardInterrupt

    loaded = load("training").frame
    assert list(loaded.columns) == list(first.columns)  # nothing of the queue, which a draft would take for slices
    assert loaded["customer_id"].isna().sum() == 40

    monkeypatch.setattr(recipe, "_with_progress", stop)
    Path("requirements.yaml").write_text("slices: [channel]\ncluster: customer_id\n", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        recipe.run(
            data="training", text="", label="", slices="", split_column="", test_size=0.3, annotators="",
            candidates="words", settings="", learning_curve=False, rules="", requirements_file="requirements.yaml",
            seed=0, experiment="",
        )  # fmt: skip
    said = capsys.readouterr().out
    assert said.count("40 of 160 rows have no value in the cluster column 'customer_id'") == 1
    split = parted[0]
    rows = pd.concat([split.train, split.test])
    assert sorted(rows["text"]) == sorted(loaded["text"])
    assert rows["customer_id"].notna().all()
    assert rows["customer_id"].nunique() == 40 + 40
    found = ep.evaluate(split.test.assign(prediction=split.test["label"]), "label", cluster="customer_id")
    assert found.metrics["accuracy"].n == len(split.test)


def test_every_row_without_a_value_gets_one_that_no_other_has() -> None:
    said: list[str] = []
    rows = pd.DataFrame({"who": ["a", None, " ", "a", float("nan"), ""], "n": range(6)})
    one = filled(rows, "who", said.append, of="test")
    two = filled(rows, "who", said.append, of="held-out")
    assert one["n"].tolist() == rows["n"].tolist()
    assert pd.concat([one, two])["who"].nunique() == 1 + 4 + 4
    assert said[0].startswith("4 of 6 test rows have no value in the cluster column 'who'")
    assert one.equals(filled(rows, "who", said.append, of="test"))  # so that the data keep their digest
    for column in (None, "n", "gone"):
        assert filled(rows, column, pytest.fail) is rows


def test_columns_of_the_users_own_are_kept_whatever_they_are_called(tmp_path: Path) -> None:
    own = pd.DataFrame({"text": ["late", "fine"], "label": ["a", "b"], "weight": [1.5, None], "time": ["2026-01"] * 2})
    data = TrainingData.create(tmp_path / "t", own, text="text", label="label", source="own.csv")
    accepted = pd.DataFrame({"case_id": ["c1"], "text": ["so slow"], "label": ["a"], "how": ["agreed"]})
    data.add(accepted.assign(weight=5.0, copies=2, audit=True, time="2026-07"), source="july")
    assert list(load(data.folder).frame.columns) == ["text", "label", "weight", "time"]
