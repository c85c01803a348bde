"""`mlflow-evalplus ab` and `mlflow-evalplus ratings`: what they read, print, log and refuse."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli


@pytest.fixture
def events(store: str) -> pd.DataFrame:
    """Write outcomes.csv, an experiment in which B resolves more, into the working folder."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, 2000, 6000)
    arm = rng.integers(0, 2, 2000)[user]
    frame = pd.DataFrame({"model": np.where(arm, "B", "A"), "user": user, "channel": rng.choice(["app", "web"], 6000)})
    frame["resolved"] = np.where(rng.random(6000) < 0.6 + 0.15 * arm, "yes", "no")
    frame.to_csv("outcomes.csv", index=False)
    return frame


@pytest.fixture
def rated(store: str) -> pd.DataFrame:
    """Write ratings.csv, of two variants by six raters, into the working folder."""
    rng = np.random.default_rng(0)
    rows = [(f"r{r}", e, v, rng.integers(1, 6)) for r in range(6) for e in range(30) for v in "AB"]
    frame = pd.DataFrame(rows, columns=["rater", "example", "variant", "stars"])
    frame.to_csv("ratings.csv", index=False)
    return frame


OPTIONS = ("--variant", "model", "--outcome", "resolved", "--cluster", "user", "--slices", "channel")


def test_an_experiment_is_printed_with_the_sentence_and_as_json(cli: Cli, events: pd.DataFrame) -> None:
    expected = ep.ab_test(events, variant="model", outcome="resolved", cluster="user", slices=["channel"])
    ended = cli("ab", "outcomes.csv", *OPTIONS)
    assert ended.code == 0
    assert expected.sentence in ended.out
    assert "channel=web (" in ended.out
    found = cli("ab", "outcomes.csv", *OPTIONS, "--json").json
    assert found["sentence"] == expected.sentence
    assert found["run_id"] is None
    assert found["overall"]["difference"]["lower"] == expected.overall.difference.lower
    assert found["overall"]["q_value"] is None  # nan is not JSON


def test_options_reach_the_test(cli: Cli, events: pd.DataFrame) -> None:
    given = ("--control", "B", "--treatment", "A", "--planned", "500", "--confidence", "0.9", "--lower-is-better")
    found = cli("ab", "outcomes.csv", *OPTIONS, *given, "--split", "A=0.5, B=0.5", "--json").json
    expected = ep.ab_test(
        events, variant="model", outcome="resolved", cluster="user", control="B", planned=500, confidence=0.9
    )
    assert found["overall"]["difference"]["upper"] == expected.overall.difference.upper
    assert "A is better" in found["sentence"]


def test_ratings_are_printed_with_the_sentence_and_as_json(cli: Cli, rated: pd.DataFrame) -> None:
    given = ("ratings", "ratings.csv", "--rating", "stars", "--variant", "variant", "--scale", "1,2,3,4,5")
    expected = ep.ratings(rated, rating="stars", variant="variant", scale=range(1, 6))
    ended = cli(*given)
    assert ended.code == 0
    assert expected.sentence in ended.out
    found = cli(*given, "--level", "interval", "--json").json
    assert found["level"] == "interval"
    assert found["overall"]["means"]["B"]["value"] == expected.overall.means["B"].value


def test_both_are_logged_on_a_run_and_renew_its_verdict(
    cli: Cli, events: pd.DataFrame, rated: pd.DataFrame, frame: pd.DataFrame
) -> None:
    gates = [{"metric": "ab_difference", "min": 0}, {"metric": "rating_mean", "min": 1.5}]
    with mlflow.start_run(run_name="words") as run:
        ep.log(ep.evaluate(frame, requirements={"thresholds": gates}))
    first = cli("ab", "outcomes.csv", *OPTIONS, "--run", "words")
    assert f"Logged on run {run.info.run_id}. UNDECIDED (1 pass, 1 undecided)" in first.out
    found = cli("ratings", "ratings.csv", "--rating", "stars", "--variant", "variant", "--run", "words", "--json").json
    assert (found["run_id"], found["verdict"]) == (run.info.run_id, "pass")
    assert mlflow.get_run(run.info.run_id).data.tags[names.TAG_VERDICT] == "pass"
    assert cli("decide", "words").code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("ab", "outcomes.csv"), "column 'variant' is not in the data"),
        (("ab", "outcomes.csv", *OPTIONS, "--control", "C"), "variants are ['A', 'B']"),
        (("ab", "outcomes.csv", *OPTIONS, "--split", "A=1"), "split must give each variant"),
        (("ab", "nothing.csv"), "there is no file 'nothing.csv'"),
        (("ab", "outcomes.csv", *OPTIONS, "--run", "nobody"), "no evaluated run has the id or name 'nobody'"),
        (("ratings", "outcomes.csv"), "column 'rater' is not in the data"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(
    cli: Cli, events: pd.DataFrame, given: tuple[str, ...], said: str
) -> None:
    ended = cli(*given)
    assert ended.code == 1
    assert said in ended.error


def test_a_split_that_is_no_split_is_a_usage_error(cli: Cli, events: pd.DataFrame) -> None:
    assert "--split takes NAME=SHARE" in cli("ab", "outcomes.csv", *OPTIONS, "--split", "A:B").err
