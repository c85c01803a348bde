"""A first requirements.yaml: what it finds is there, what it writes loads, and fits the data it came from."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlflow_evalplus import evaluate, requirements
from mlflow_evalplus.core.draft import draft, look, write_draft
from mlflow_evalplus.core.draft_yaml import Answers
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.errors import ColumnNotFound, DataError, RequirementsError
from recipes.sentiment.data import SHIPPED
from tests.generated import inputs


def drafted(frame: pd.DataFrame, label: str = "label") -> tuple[requirements.Requirements, str]:
    text, remarks = draft(frame, label=label, source="rows.csv")
    return requirements.load(yaml.safe_load(text)), "\n".join(remarks)


def test_the_shipped_messages_give_what_the_recipe_asks() -> None:
    found, remarks = drafted(read_file(SHIPPED))
    shipped = requirements.load(SHIPPED.with_name("requirements.yaml"))
    assert found.task.labels == shipped.task.labels
    assert found.task.text == "text"
    assert set(shipped.slices) <= set(found.slices)
    assert set(found.slices) == {*shipped.slices, "month"}
    assert found.cluster == "customer_id"
    assert "annotators: annotator_a, annotator_b" in remarks
    assert "labels: negative 719, neutral 592, positive 489" in remarks
    assert "leaks" not in remarks


def test_a_draft_can_be_evaluated_at_once(frame: pd.DataFrame) -> None:
    found, remarks = drafted(frame.drop(columns="prediction"))
    assert (found.slices, found.cluster) == (("channel", "language"), "customer_id")
    assert "cluster: customer_id (rows of one customer_id are not independent)" in remarks
    evaluation = evaluate(frame, requirements=found)
    assert {gate.requirement for gate in evaluation.verdict.gates} == {
        "accuracy at least 0.9",
        *(f"accuracy at least 0.85 in channel={value}" for value in ("app", "email", "web")),
    }


def test_a_column_that_gives_the_label_away_is_no_slice_and_is_named(frame: pd.DataFrame) -> None:
    leaky = frame.assign(
        sentiment_code=frame["label"].map({"negative": 0, "neutral": 1, "positive": 2}),
        queue=np.where(
            frame["label"].eq("negative"), "complaints", np.where(frame["label"].eq("neutral"), "desk", "praise")
        ),
    )
    found, remarks = drafted(leaky.drop(columns="prediction"))
    assert not {"sentiment_code", "queue"} & {*found.slices, found.cluster}
    for column in ("sentiment_code", "queue"):
        assert f"leaks the label, keep it from the model: {column}" in remarks
    assert "model: channel" not in remarks


def test_what_is_too_fine_or_too_rare_is_no_slice() -> None:
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame(
        {
            "label": rng.choice(["a", "b"], n),
            "fine": rng.choice([f"v{i}" for i in range(30)], n),
            "rare": np.where(np.arange(n) < 10, "seldom", "always"),
            "constant": "x",
            "measure": rng.normal(size=n),
            "good": rng.choice(["x", "y"], n),
            "id": [f"i{i}" for i in range(n)],
        }
    )
    found, _ = drafted(frame)
    assert found.slices == ("good",)
    assert found.cluster is None
    assert found.task.text is None


def test_a_column_of_lists_is_passed_over() -> None:
    """JSONL and Parquet hold them; they can neither be counted nor be a slice."""
    frame = pd.DataFrame(
        {"label": ["a", "b"] * 40, "tags": [["x"], ["y", "z"]] * 40, "channel": ["p", "p", "q", "q"] * 20}
    )
    frame["votes"] = [{"a": 1}] * 80
    found, remarks = drafted(frame)
    assert found.slices == ("channel",)
    assert "tags" not in remarks


def test_labels_that_are_numbers_or_truths_fit_their_own_draft() -> None:
    """The names of the labels in the file and in the evaluation must be the same, whatever pandas made of them."""
    for values in ([0, 1], [True, False], ["0", "1"], [1, 10]):
        frame = pd.DataFrame({"label": values * 40, "prediction": values * 40})
        found, _ = drafted(frame.drop(columns="prediction"))
        evaluation = evaluate(frame, requirements=found)
        assert evaluation.labels == found.task.labels
        assert evaluation.metrics["accuracy"].value == 1


NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=inputs(80))
@given(st.lists(NAMES, min_size=2, max_size=5, unique=True), NAMES.filter(lambda name: name != "label"))
@example(["no", "1.0", "~"], "a=b")
@example(["a: b", "# x", "&y"], "{z}")
@example(["\x00", "a\nb", "\u2028\x85"], "\r\n- metric: accuracy\n")
def test_labels_and_columns_of_any_name_survive_the_yaml(labels: list[str], column: str) -> None:
    """Names like `no`, `1.0`, `a: b` or `# x` mean something else in YAML."""
    label = np.resize(np.array(labels, dtype=object), 120)
    frame = pd.DataFrame({"label": label, column: np.repeat(["left", "right"], 60)})
    found, _ = drafted(frame)
    assert found.task.labels == tuple(sorted(labels))
    assert found.slices == (column,)
    assert [str(threshold) for threshold in found.thresholds][1] == f"accuracy at least 0.85 in every {column}"


def test_what_are_no_labels_is_refused_with_the_columns_that_there_are(frame: pd.DataFrame) -> None:
    with pytest.raises(
        ColumnNotFound, match=r"label column 'lable' is not in the data; columns are .*Did you mean 'label'\?"
    ):
        draft(frame, label="lable", source="x")
    with pytest.raises(DataError, match="'text' has 600 different values in 600 rows; labels have 2 to 1,000, "):
        draft(frame, label="text", source="x")
    with pytest.raises(DataError, match="has 1,001 different values in 2,002 rows"):
        draft(pd.DataFrame({"label": [f"c{i}" for i in range(1001)] * 2}), label="label", source="x")
    with pytest.raises(DataError, match="40 rows have an empty label in 'label'; label or remove them"):
        draft(pd.DataFrame({"label": ["a", "b", ""] * 40}), label="label", source="x")
    with pytest.raises(DataError, match="has 1 different values"):
        draft(frame.assign(label="only"), label="label", source="x")


@pytest.mark.parametrize("k", [77, 150, 1000])
def test_intents_of_many_classes_are_labels(k: int) -> None:
    labels = [f"intent_{i:04d}" for i in range(k)]
    found, remarks = drafted(pd.DataFrame({"label": labels * 2}))
    assert found.task.labels == tuple(labels)
    assert f"intent_0019 2, {k - 20} more" in remarks


def test_a_column_whose_name_is_no_text_is_passed_over_and_said() -> None:
    """pandas numbers what has no name; a file could name it only as another column, '5'."""
    frame = pd.DataFrame({"label": ["a", "b"] * 60, "prediction": ["a", "b"] * 60, "channel": ["x"] * 60 + ["y"] * 60})
    odd = frame.assign(**{"": frame["channel"]}).assign(five=frame["channel"]).rename(columns={"five": 5})
    found, remarks = drafted(odd)
    assert found.slices == ("channel",)
    assert "passed over, for their names: ['', 5] (rename them" in remarks
    assert evaluate(odd, requirements=found).metrics["accuracy"].value == 1
    with pytest.raises(ColumnNotFound, match=r"label column '5' is not in the data; columns are .*, 5\]; name it with"):
        draft(odd, label="5", source="x")


def test_a_draft_that_could_not_be_read_back_is_not_written(frame: pd.DataFrame) -> None:
    found = look(frame, label="label")
    for wrong, says in (
        (Answers(accuracy=90), "accuracy lies between 0 and 1"),
        (Answers(margin=1), "0.01 means one point"),
        (Answers(found="unheard"), "'unheard' is not among the labels"),
        (Answers(currency="\ud800", label_price=1), "prices.currency: "),
    ):
        with pytest.raises(RequirementsError, match=rf"the draft has 1 mistake:\n  line \d+: .*{says}"):
            write_draft(found, wrong, "x.csv")


def test_the_draft_is_readable_and_says_where_it_came_from(frame: pd.DataFrame) -> None:
    text, _ = draft(frame, label="label", source="tickets.csv")
    assert text.startswith("# Drafted from tickets.csv.")
    assert re.search(r"^  labels: \[negative, neutral, positive\]$", text, re.MULTILINE)
    assert re.search(r"^- \{metric: accuracy, min: 0\.9\}$", text, re.MULTILINE)


def test_a_rare_class_must_be_found_unasked() -> None:
    """Accuracy alone could be cleared without it."""
    frame = pd.DataFrame({"label": ["common"] * 900 + ["rare"] * 100, "prediction": ["common"] * 1000})
    found, _ = drafted(frame.drop(columns="prediction"))
    assert [str(threshold) for threshold in found.thresholds][-1] == "recall of rare at least 0.85"
    evaluation = evaluate(frame.tail(900), requirements=found)
    assert [gate.outcome.value for gate in evaluation.verdict.gates][-1] == "fail"


SHARES = st.floats(0.01, 0.99).map(lambda share: round(share, 4))
AMOUNTS = st.floats(0, 1e6) | st.integers(0, 1000).map(float)


@st.composite
def launches(draw: st.DrawFn) -> tuple[pd.DataFrame, Answers]:
    labels = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    columns = draw(st.lists(NAMES.filter(lambda name: name != "label"), max_size=2, unique=True))
    frame = pd.DataFrame({"label": np.resize(np.array(labels, dtype=object), 120)})
    for place, column in enumerate(columns):
        frame[column] = np.roll(np.repeat(["left", "right"], 60), 30 * place)
    column = draw(st.none() | st.sampled_from(columns)) if columns else None
    found = draw(st.none() | st.sampled_from(labels))
    dearest = draw(st.none() | st.permutations(labels).map(lambda names: (names[0], names[1])))
    return frame, Answers(
        accuracy=draw(SHARES), column=column, part=draw(st.none() | SHARES) if column else None, found=found,
        recall=draw(SHARES) if found else None, dearest=dearest, dearest_cost=draw(AMOUNTS), other_cost=draw(AMOUNTS),
        margin=draw(st.none() | st.floats(0, 1, exclude_max=True)), latency_ms=draw(st.none() | st.floats(0.001, 1e6)),
        label_price=draw(st.none() | AMOUNTS), currency=draw(NAMES),
    )  # fmt: skip


@settings(deadline=None, max_examples=inputs(60))
@given(launches(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_whatever_is_answered_is_what_the_file_asks(launch: tuple[pd.DataFrame, Answers], source: str) -> None:
    frame, answers = launch
    text = write_draft(look(frame, label="label"), answers, source)
    found = requirements.load(yaml.safe_load(text))
    bounds = {t.key if not t.every else f"{t.key} {t.every}": t.min for t in found.thresholds if t.min is not None}
    expected = {"accuracy": answers.accuracy}
    expected |= {f"accuracy {answers.column}": answers.part} if answers.part is not None else {}
    expected |= {f"recall[{answers.found}]": answers.recall} if answers.found is not None else {}
    assert bounds == expected
    assert [t.margin for t in found.thresholds if t.not_worse_than] == [m for m in (answers.margin,) if m is not None]
    assert [t.max for t in found.thresholds if t.max is not None] == [m for m in (answers.latency_ms,) if m is not None]
    labels = set(found.task.labels)
    costs = {(a, b): cost for a, row in found.error_costs.items() for b, cost in row.items()}
    if answers.dearest:
        assert costs.pop(answers.dearest) == answers.dearest_cost
        assert set(costs.values()) <= {answers.other_cost}
        assert len(costs) == len(labels) * (len(labels) - 1) - 1
        assert found.prices.currency == answers.currency
    assert found.prices.label == answers.label_price


@settings(deadline=None, max_examples=inputs(30))
@given(launches())
def test_what_was_not_asked_for_can_be_taken_up_by_its_mark(launch: tuple[pd.DataFrame, Answers]) -> None:
    frame, answers = launch
    text = write_draft(look(frame, label="label"), answers, "rows.csv")
    taken = re.sub(r"^# (- \{|error_costs: |prices: )", r"\1", text, flags=re.MULTILINE)
    found = requirements.load(yaml.safe_load(taken))
    assert len(found.thresholds) == (5 if answers.column else 4)
    assert found.error_costs
    assert found.prices.label is not None or answers.dearest


def test_each_number_of_a_draft_has_a_comment_above_it(frame: pd.DataFrame) -> None:
    text, _ = draft(frame, label="label", source="tickets.csv")
    everything = Answers(
        column="channel", part=0.8, found="negative", recall=0.9, dearest=("negative", "positive"), margin=0.01,
        latency_ms=50, label_price=0.08,
    )  # fmt: skip
    for page in (text, write_draft(look(frame, label="label"), everything, "tickets.csv")):
        lines = page.splitlines()
        numbers = [i for i, line in enumerate(lines) if re.search(r"\d", line) and not line.startswith(("#", "schema"))]
        assert numbers
        for place in numbers:
            assert lines[place - 1].startswith("# "), lines[place]
