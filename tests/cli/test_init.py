from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus import requirements
from tests.cli import test_commands
from tests.cli.test_commands import Cli, Ended

cli = test_commands.cli
Answer = Callable[..., Ended]


def tickets() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 600
    label = rng.choice(["negative", "neutral", "positive"], n)
    sloppy = rng.choice(["negative", "neutral", "positive"], n)
    return pd.DataFrame(
        {
            "ticket": [f"T{i:05d}" for i in range(n)],
            "body": [f"message number {i} of a customer who writes at length" for i in range(n)],
            "label": label,
            "channel": rng.choice(["app", "web"], n),
            "customer": [f"c{i}" for i in rng.integers(0, 200, n)],
            "annotator_a": np.where(rng.random(n) < 0.9, label, sloppy),
            "annotator_b": np.where(rng.random(n) < 0.8, label, sloppy),
            "queue": pd.Series(label).map({"negative": "complaints", "neutral": "general", "positive": "praise"}),
        }
    )


@pytest.fixture
def answer(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Return what runs `init` on the tickets and answers its questions."""
    tickets().to_csv("tickets.csv", index=False)

    def call(answers: Sequence[str], *options: str) -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in answers)))
        return cli("init", "tickets.csv", "--force", *options)

    return call


def asked() -> set[str]:
    return {str(threshold) for threshold in requirements.load("requirements.yaml").thresholds}


def test_init_drafts_what_it_finds(cli: Cli) -> None:
    tickets().to_csv("tickets.csv", index=False)
    ended = cli("init", "tickets.csv")
    assert ended.code == 0
    drafted = requirements.load("requirements.yaml")
    assert drafted.task.labels == ("negative", "neutral", "positive")
    assert (drafted.task.text, drafted.task.label) == ("body", "label")
    assert (drafted.slices, drafted.cluster) == (("channel",), "customer")
    assert asked() == {"accuracy at least 0.9", "accuracy at least 0.85 in every channel"}
    assert "annotators: annotator_a, annotator_b" in ended.out
    assert "leaks the label, keep it from the model: queue" in ended.out
    tickets().assign(prediction="neutral").to_csv("answers.csv", index=False)
    assert cli("evaluate", "--predictions", "answers.csv", "--requirements", "requirements.yaml").code == 3


def test_enter_takes_what_is_drafted_without_a_terminal(cli: Cli, answer: Answer) -> None:
    cli("init", "tickets.csv", "--no-ask", "--output", "drafted.yaml")
    ended = answer([""] * 20, "--ask")
    assert ended.code == 0
    assert Path("requirements.yaml").read_text() == Path("drafted.yaml").read_text()


def test_every_answer_is_in_the_file(answer: Answer) -> None:
    ended = answer(
        ["92.5%", "channel", "88", "negative", "95", "negative", "positive", "20", "2", "1", "50", "0.08", "EUR"],
        "--ask",
    )
    assert ended.code == 0
    assert asked() == {
        "accuracy at least 0.925", "accuracy at least 0.88 in every channel", "recall of negative at least 0.95",
        "accuracy not worse than the baseline by more than 0.01 in every channel", "latency_ms_p95 at most 50",
    }  # fmt: skip
    drafted = requirements.load("requirements.yaml")
    assert drafted.error_costs == {
        "negative": {"neutral": 2, "positive": 20}, "neutral": {"negative": 2, "positive": 2},
        "positive": {"negative": 2, "neutral": 2},
    }  # fmt: skip
    assert (drafted.prices.currency, drafted.prices.label) == ("EUR", 0.08)
    assert "EUR; the file has 600 rows." in ended.out


def test_what_is_not_wanted_is_left_out(answer: Answer) -> None:
    assert answer(["0.8", "none", "none", "none", "none", "none", "none"], "--ask").code == 0
    assert asked() == {"accuracy at least 0.8"}


def test_an_invalid_answer_is_asked_again(answer: Answer) -> None:
    ended = answer(
        ["high", "0", "100", "1", "nan", "90", "chanel", "channel", "85", "negativ", "none", "Negative", "negative",
         "positive", "-1", "20", "1", "100", "none", "0", "inf", "30", "cheap", "0.1", " ", "USD"],
        "--ask",
    )  # fmt: skip
    assert ended.code == 0
    assert ended.err.count("Error: ") + ended.out.count("Error: ") == 14
    said = ended.out + ended.err
    for error in (
        "'high' is no number", "'100' is out of reach", "'1' may be all or one in 100", "Did you mean 'channel'?",
        "Did you mean 'negative'?", "'-1' is below 0", "'100' is not from 0 to below 100 points", "'0' is not above 0",
        "give a currency, such as USD",
    ):  # fmt: skip
        assert error in said
    assert asked() == {"accuracy at least 0.9", "accuracy at least 0.85 in every channel", "latency_ms_p95 at most 30"}


def test_each_number_is_explained_before_it_is_asked(answer: Answer) -> None:
    said = answer([""] * 20, "--ask").out
    for explanation, prompt in (
        ("Accuracy is the share of examples answered right.", "Accuracy needed before launch, in % [90]:"),
        ("A good average can hide a bad part", "Column whose every part must hold (channel, or none) [channel]:"),
        ("A class can be missed", "Class that must not be missed (negative, neutral, positive, or none) [none]:"),
        ("Errors do not cost the same.", "Right label of the dearest error"),
        ("Latency is the time", "Latency limit in milliseconds"),
    ):
        assert 0 <= said.index(explanation) < said.index(prompt)


def test_it_ends_with_how_many_test_examples_these_numbers_need(answer: Answer) -> None:
    said = answer(["90", "none", "negative", "90", "", "", "", "0.5", ""], "--ask").out
    lines = [line for line in said.splitlines() if line.startswith(("- accuracy at", "- recall", "So label"))]
    share = (tickets()["label"] == "negative").mean()
    of_class = -(-740 // share)
    assert lines[0] == "- accuracy at least 0.9: 740"
    assert lines[1] == f"- recall of negative at least 0.9: 740 of negative, about {of_class:,.0f} as they come"
    assert lines[2].startswith(f"So label about {of_class:,.0f} test examples, for {of_class * 0.5:,.0f} USD;")


def test_nothing_is_written_where_the_answers_end_early(answer: Answer) -> None:
    assert answer(["90"], "--ask").code == 1
    assert not Path("requirements.yaml").exists()


def test_where_nothing_can_be_written_nothing_is_asked(answer: Answer) -> None:
    ended = answer([""] * 20, "--ask", "--output", "none/r.yaml")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot write 'none/r.yaml'" in ended.error


def test_a_label_called_none_can_be_chosen_and_left_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"label": ["none", "some"] * 60}).to_csv("data.csv", index=False)
    for word, expected in (("none", {"recall of none at least 0.85"}), ("-", set())):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"90\n{word}\n" + "\n" * 20))
        assert cli("init", "data.csv", "--ask", "--force").code == 0
        assert asked() == {"accuracy at least 0.9", *expected}


def test_an_empty_label_writes_no_file(cli: Cli) -> None:
    pd.DataFrame({"label": ["a", "b", ""] * 40}).to_parquet("data.parquet")
    ended = cli("init", "data.parquet")
    assert (ended.code, ended.out) == (1, "")
    assert "40 rows have an empty label in 'label'; label or remove them" in ended.error
    assert not Path("requirements.yaml").exists()


def test_many_classes_are_drafted_and_their_costs_are_not_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"label": [f"intent {i:02d}" for i in range(77)] * 3}).to_csv("data.csv", index=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("90\nintent 76\n80\n" + "\n" * 3))
    ended = cli("init", "data.csv", "--ask")
    assert ended.code == 0
    assert "Among 77 classes there are too many to ask for" in ended.out
    assert asked() == {"accuracy at least 0.9", "recall of intent 76 at least 0.8"}
    assert len(requirements.load("requirements.yaml").task.labels) == 77


def test_init_does_not_overwrite_unasked(cli: Cli) -> None:
    tickets().to_csv("tickets.csv", index=False)
    Path("mine.yaml").write_text("priority: cost\n")
    ended = cli("init", "tickets.csv", "--output", "mine.yaml")
    assert ended.code == 1
    assert "'mine.yaml' exists; give another --output, or --force" in ended.error
    assert Path("mine.yaml").read_text() == "priority: cost\n"
    assert cli("init", "tickets.csv", "--output", "mine.yaml", "--force").code == 0
    assert requirements.load("mine.yaml").slices == ("channel",)


def test_init_says_what_is_wrong_with_the_data(cli: Cli) -> None:
    tickets().to_csv("tickets.csv", index=False)
    assert "name it with --label. Did you mean 'label'?" in cli("init", "tickets.csv", "--label", "labels").error
    said = cli("init", "tickets.csv", "--label", "ticket").error
    assert "has 600 different values in 600 rows; labels have 2 to 1,000" in said
    assert "there is no file 'ticket.csv'. Did you mean 'tickets.csv'?" in cli("init", "ticket.csv").error
    assert "cannot write 'none/r.yaml'" in cli("init", "tickets.csv", "--output", "none/r.yaml").error
    assert not Path("requirements.yaml").exists()
