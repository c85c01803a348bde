"""`mlflow-evalplus labels`: what it reads, prints, writes and refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mlflow_evalplus.cli import group
from mlflow_evalplus.core.labels import label_quality
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli
ANNOTATORS = ("annotator_a", "annotator_b")
MESSAGES = Path(__file__).parents[2] / "recipes" / "sentiment" / "messages.csv"


@pytest.fixture
def votes(store: str) -> pd.DataFrame:
    """Write data.csv, 900 messages that two annotators labelled, into the working folder; 5 % of labels are flipped."""
    rng = np.random.default_rng(0)
    labels, truth = np.array(["negative", "neutral", "positive"]), rng.integers(0, 3, 900)

    def noisy(rate: float) -> np.ndarray:
        return labels[np.where(rng.random(900) < rate, (truth + rng.integers(1, 3, 900)) % 3, truth)]

    frame = pd.DataFrame({"id": [f"m{i}" for i in range(900)], "label": noisy(0.05)})
    frame = frame.assign(channel=rng.choice(["app", "web"], 900), annotator_a=noisy(0.1), annotator_b=noisy(0.1))
    frame.loc[::50, "annotator_b"] = None
    frame.to_csv("data.csv", index=False)
    return frame


@pytest.mark.parametrize(
    "spelled",
    [
        ("--annotators", "annotator_a", "annotator_b", "--slices", "channel"),
        ("--annotators", "annotator_a,annotator_b", "--slices", "channel"),
        ("--slices", "channel", "--annotators", "annotator_a", "--annotators", "annotator_b"),
        ("--annotators=annotator_a, annotator_b", "--slices=channel", "--label", "label"),
    ],
)
def test_annotators_are_named_as_it_comes_naturally(cli: Cli, votes: pd.DataFrame, spelled: tuple[str, ...]) -> None:
    found = cli("labels", "data.csv", *spelled, "--json").json
    expected = label_quality(votes, ANNOTATORS, label="label", slices=["channel"])
    assert found["annotators"] == list(ANNOTATORS)
    assert found["ceiling"]["value"] == pytest.approx(expected.ceiling.value)  # type: ignore[union-attr]
    assert [row["row"] for row in found["adjudicate"]] == [row.row for row in expected.adjudicate]
    assert len(found["rows"]) == len(expected.rows)


def test_the_answer_is_printed_in_words_under_plain_tables(cli: Cli, votes: pd.DataFrame) -> None:
    ended = cli("labels", "data.csv", "--annotators", *ANNOTATORS, "--slices", "channel", "--id", "id")
    assert ended.code == 0
    for words in ("Krippendorff's α", "accuracy ceiling", "channel=web", "negative – neutral", "no majority"):
        assert words in ended.out
    first = label_quality(votes, ANNOTATORS, label="label", example_id="id").adjudicate[0]
    assert f"the most disputed first (suggested label): {first.example_id}" in ended.out
    assert "A perfect model would score 0.9" in ended.out
    assert re.search(r"\*\*|\||###|\\", ended.out) is None  # no Markdown


@pytest.mark.parametrize(
    ("launch", "reachable", "said"),
    [("0.99", False, "is out of"), ("0.8", True, "is in"), ("0.95", None, "may be out")],
)
def test_a_launch_is_in_reach_or_not(
    cli: Cli,
    votes: pd.DataFrame,
    launch: str,
    reachable: bool | None,
    said: str,
) -> None:
    asked = ("labels", "data.csv", "--annotators", *ANNOTATORS, "--launch", launch)
    ended = cli(*asked)
    assert ended.code == 0
    assert f"The launch threshold of {launch} {said}" in ended.out
    assert cli(*asked, "--json").json["reachable"] is reachable


def test_all_rows_to_adjudicate_are_written_with_what_the_others_hold(cli: Cli, votes: pd.DataFrame) -> None:
    many = pd.concat([votes] * 8, ignore_index=True)
    many.to_csv("many.csv", index=False)
    ended = cli("labels", "many.csv", "--annotators", *ANNOTATORS, "--id", "id", "--output", "queue.csv")
    queue = pd.read_csv("queue.csv", keep_default_na=False)
    expected = label_quality(many, ANNOTATORS, label="label")
    assert len(queue) == expected.n_adjudicate > len(expected.adjudicate)
    assert f"Wrote {len(queue):,} rows" in ended.out
    assert queue["row"][:1000].tolist() == [row.row for row in expected.adjudicate]
    assert queue["id"].tolist() == many["id"][queue["row"]].tolist()  # ids that repeat do not mix up rows
    settled = queue[queue["suggested"] != ""]
    assert len(settled) > 100
    assert (settled["suggested"] == settled["annotator_a"]).all()
    assert (settled["suggested"] != settled["label"]).all()


def test_weights_and_clusters_are_passed_on(cli: Cli, votes: pd.DataFrame) -> None:
    many = pd.concat([votes.assign(times=np.where(votes["channel"] == "app", 3, 1))] * 2, ignore_index=True)
    many.to_csv("many.csv", index=False)
    given = ("labels", "many.csv", "--annotators", *ANNOTATORS, "--weight", "times", "--cluster", "id")
    expected = label_quality(many, ANNOTATORS, label="label", weight="times", cluster="id").ceiling
    assert expected is not None
    assert cli(*given, "--json").json["ceiling"]["lower"] == pytest.approx(expected.lower)


def test_a_column_of_ids_is_no_annotator(cli: Cli, votes: pd.DataFrame) -> None:
    ended = cli("labels", "data.csv", "--annotators", "annotator_a", "id")
    assert "The labels of 'id' are in no other column: ['m0', 'm1', " in ended.out
    assert len(ended.out.splitlines()) < 60


def test_labels_that_are_missing_in_places_are_used_only_if_asked_for(cli: Cli, votes: pd.DataFrame) -> None:
    votes.assign(label=votes["label"].where(votes.index > 9)).to_csv("data.csv", index=False)
    ended = cli("labels", "data.csv", "--annotators", *ANNOTATORS, "--json")
    assert ended.json["ceiling_note"].startswith("of the labels of one annotator")
    refused = cli("labels", "data.csv", "--annotators", *ANNOTATORS, "--label", "label")
    assert refused.code == 1
    assert "10 of 900 rows have no label in 'label'" in refused.error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("data.csv", "--annotators", "anotator_a", "annotator_b"), "Did you mean 'annotator_a'?"),
        (("data.csv", "--annotators", *ANNOTATORS, "--slices", "chanel"), "Did you mean 'channel'?"),
        (("data.csv", "--annotators", "annotator_a"), "give a list of two or more different columns"),
        (("data.csv", "--annotators", "annotator_a", "annotator_a"), "give a list of two or more different columns"),
        (
            ("--annotators", *ANNOTATORS, "data.csv"),
            "FILE comes first: mlflow-evalplus labels data.csv --annotators annotator_a annotator_b",
        ),
        (("data.csv", "--annotators", *ANNOTATORS, "--weight", "wieght"), "column 'wieght' is not in the data"),
        (("empty.csv", "--annotators", *ANNOTATORS), "'empty.csv' is empty"),
        (("header.csv", "--annotators", *ANNOTATORS), "'header.csv' has no rows"),
        (("date.csv", "--annotators", *ANNOTATORS), "there is no file 'date.csv'. Did you mean 'data.csv'?"),
        (("silent.csv", "--annotators", *ANNOTATORS), "no row has a vote of ['annotator_a', 'annotator_b']"),
        (("data.csv", "--annotators", *ANNOTATORS, "--output", "no/q.csv"), "cannot write 'no/q.csv'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    cli: Cli,
    votes: pd.DataFrame,
    given: tuple[str, ...],
    message: str,
) -> None:
    Path("empty.csv").touch()
    votes.head(0).to_csv("header.csv", index=False)
    votes.assign(annotator_a=None, annotator_b=None).to_csv("silent.csv", index=False)
    ended = cli("labels", *given)
    assert ended.code == 1
    assert message in ended.error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("data.csv",), "Missing option '--annotators'"),
        (("data.csv", "--annotators", *ANNOTATORS, "--launch", "90"), "90.0 is not in the range 0<=x<=1"),
    ],
)
def test_wrong_use_is_said(cli: Cli, votes: pd.DataFrame, given: tuple[str, ...], message: str) -> None:
    ended = cli("labels", *given)
    assert ended.code == 2
    assert message in ended.err


def test_the_recipes_messages_are_judged() -> None:
    done = CliRunner().invoke(group, ["labels", str(MESSAGES), "--annotators", *ANNOTATORS], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Annotators agree on 84.9 % of pairs of votes" in done.output
    assert max(map(len, done.output.split("To adjudicate")[0].splitlines())) <= 80  # a narrow terminal shows them whole
