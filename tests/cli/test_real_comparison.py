"""Plain files of two published systems' answers, without any model, compared on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar

from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.conftest import REAL_DATA

cli = test_commands.cli

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"the real data are not at {REAL_DATA}"),
]
SST2 = REAL_DATA / "sst2_outputs"


def test_two_sst2_systems_are_compared_from_csv_files(cli: Cli, tmp_path: Path) -> None:
    rows = pd.read_csv(SST2 / "sst2-dataset.tsv", sep="\t", names=["text", "label"], quoting=csv.QUOTE_NONE)
    answers = {name: (SST2 / f"sst2-{name}-output.txt").read_text(encoding="utf-8").split() for name in ("cnn", "lstm")}
    for name, column in answers.items():
        rows.assign(prediction=column).to_csv(tmp_path / f"{name}.csv", index=False)
        done = cli("evaluate", "--predictions", str(tmp_path / f"{name}.csv"), "--run-name", name, "--json")
        assert done.code == 0, done.err
    found = cli("compare", "cnn", "lstm", "--json").json
    right = {name: (rows["label"] == column) for name, column in answers.items()}
    accuracy = {name: found["runs"][name]["metrics"]["accuracy"]["value"] for name in answers}
    assert sorted(round(value, 3) for value in accuracy.values()) == [0.857, 0.880]  # as published
    compared = found["runs"]["lstm"]["comparison"]
    fixed, broken = int((right["lstm"] & ~right["cnn"]).sum()), int((~right["lstm"] & right["cnn"]).sum())
    assert (compared["n"], compared["fixed"], compared["broken"]) == (1821, fixed, broken)
    expected = mcnemar([[0, fixed], [broken, 0]], exact=False, correction=True).pvalue
    assert compared["mcnemar_p"] == pytest.approx(expected)
    assert compared["metrics"]["accuracy"]["value"] == pytest.approx(accuracy["lstm"] - accuracy["cnn"])
    better = max(accuracy, key=lambda name: accuracy[name])
    assert (found["winner"], found["family"]["unbeaten"]) == (better, [better])
    relative = "thresholds: [{metric: accuracy, not_worse_than: baseline, margin: 0}]"
    (tmp_path / "gates.yaml").write_text(relative, encoding="utf-8")
    worse = next(name for name in answers if name != better)
    gates = ("--requirements", str(tmp_path / "gates.yaml"))
    assert cli("gate", better, "--baseline", worse, *gates).code == 0
    assert cli("gate", worse, "--baseline", better, *gates).code == 3


def test_published_answers_on_tweets_of_eight_languages_are_compared(cli: Cli, tmp_path: Path) -> None:
    rows = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv").query("split == 'test'")
    systems = {"published": rows["published_prediction"], "neutral": "neutral"}
    for name, column in systems.items():
        path = tmp_path / f"{name}.csv"
        rows.assign(prediction=column).to_csv(path, index=False)
        done = cli("evaluate", "--predictions", str(path), "--slices", "language", "--run-name", name)
        assert done.code == 0, done.err
    found = cli("compare", "neutral", "published", "--json").json
    comparison = found["runs"]["published"]["comparison"]
    by_language = {row["values"][0]: row for row in comparison["slices"]}
    assert set(by_language) == set(rows["language"])
    for language, part in rows.groupby("language"):
        expected = f1_score(part["label"], part["published_prediction"], average="macro") - f1_score(
            part["label"], ["neutral"] * len(part), average="macro", zero_division=0
        )
        difference = by_language[language]["metrics"]["f1_macro"]
        assert difference["value"] == pytest.approx(expected, abs=1e-9), language
        assert difference["lower"] > 0
        assert by_language[language]["q_value"] < 0.001
    assert (found["winner"], found["family"]["unbeaten"]) == ("published", ["published"])
