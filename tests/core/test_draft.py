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
from mlflow_evalplus.core.draft import MAX_LABELS, draft
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.errors import ColumnNotFound, DataError
from recipes.sentiment.data import SHIPPED


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


# Control characters are left out: PyYAML itself does not give all of them back.
NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=80)
@given(st.lists(NAMES, min_size=2, max_size=5, unique=True), NAMES.filter(lambda name: name != "label"))
@example(["no", "1.0", "~"], "a=b")
@example(["a: b", "# x", "&y"], "{z}")
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
    with pytest.raises(DataError, match=f"'text' has 600 different values; labels have 2 to {MAX_LABELS}"):
        draft(frame, label="text", source="x")
    with pytest.raises(DataError, match="has 1 different values"):
        draft(frame.assign(label="only"), label="label", source="x")


def test_the_draft_is_readable_and_says_where_it_came_from(frame: pd.DataFrame) -> None:
    text, _ = draft(frame, label="label", source="tickets.csv")
    assert text.startswith("# Drafted from tickets.csv.")
    assert re.search(r"^  labels: \[negative, neutral, positive\]$", text, re.MULTILINE)
    assert re.search(r"^- \{metric: accuracy, min: 0\.9\}$", text, re.MULTILINE)
