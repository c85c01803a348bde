"""requirements.yaml: every mistake is found at once and named with its line; nothing else is ever raised."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names, requirements
from mlflow_evalplus.core import metrics
from mlflow_evalplus.errors import RequirementsError
from recipes.data.sources import load
from recipes.sentiment.data import SHIPPED
from tests.generated import inputs

RECIPE = SHIPPED.with_name("requirements.yaml")


def written(folder: Path, text: str) -> Path:
    path = folder / "requirements.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def mistakes(path: Path) -> dict[int, str]:
    """Return the lines of the error by the line of the file that each names."""
    with pytest.raises(RequirementsError) as caught:
        requirements.load(path)
    head, *listed = str(caught.value).splitlines()
    count = re.fullmatch(rf"{re.escape(str(path))} has (\d+) mistakes?:", head)
    assert count
    assert int(count[1]) == len(listed)
    return {int(line): words for line, words in (re.match(r"  line (\d+): (.*)", each).groups() for each in listed)}  # type: ignore[union-attr]


def test_the_shipped_requirements_load_and_fit_the_shipped_messages() -> None:
    wanted, messages = requirements.load(RECIPE), load(SHIPPED).frame
    assert set(messages["label"]) == set(wanted.task.labels)
    assert {*wanted.slices, wanted.cluster, wanted.task.text, wanted.task.label} <= set(messages.columns)
    assert [str(threshold) for threshold in wanted.thresholds] == [
        "accuracy at least 0.9",
        "recall of negative at least 0.92",
        "accuracy at least 0.85 in every business_line",
        "accuracy at least 0.85 in every language",
        "latency_ms_p95 at most 50",
    ]
    assert wanted.error_costs["negative"]["positive"] == 20


def test_three_mistakes_are_all_named_with_their_lines(tmp_path: Path) -> None:
    found = mistakes(
        written(
            tmp_path,
            """\
            # a comment moves the lines
            task: {labels: [good, bad]}
            slices: [channel]

            confidence: 1.5
            thresholds:
              - {metric: accuracy, min: 0.9}
              - metric: recal
                class: good
                min: 0.9
              - {metric: accuracy, every: chanel, min: 0.8}
            """,
        )
    )
    assert sorted(found) == [5, 8, 11]
    assert "confidence: Input should be less than 1 (given: 1.5)" in found[5]
    assert "unknown metric 'recal'" in found[8]
    assert "Did you mean 'recall'?" in found[8]
    assert "'chanel' is not among the slices ['channel']. Did you mean 'channel'?" in found[11]


def test_five_mistakes_of_five_kinds_are_all_named_with_their_lines(tmp_path: Path) -> None:
    found = mistakes(
        written(
            tmp_path,
            """\
            schema_version: 2
            task:
              labels: [good, bad, good]
            slice: [channel]
            thresholds:
              - {metric: accuracy, min: 0.9, max: 0.95}
            error_costs:
              good: {bda: 3}
            """,
        )
    )
    assert sorted(found) == [1, 3, 4, 6, 8]
    assert found[1].startswith("schema_version: Input should be 1")
    assert "labels must be distinct" in found[3]
    assert found[4].startswith("slice: unknown key")
    assert "Did you mean 'slices'?" in found[4]
    assert "give exactly one of min, max and not_worse_than" in found[6]
    assert "'bda' is not among the labels" in found[8]


@pytest.mark.parametrize(
    ("threshold", "says"),
    [
        ({"metric": "accuracy"}, "exactly one of min, max and not_worse_than"),
        ({"metric": "recall", "min": 0.9}, "metric 'recall' needs 'class'"),
        ({"metric": "accuracy", "class": "a", "min": 0.9}, "metric 'accuracy' takes no 'class'"),
        ({"metric": "accuracy", "min": 0.9, "every": "x", "slice": "x=1"}, "not both"),
        ({"metric": "latency_ms_p95", "max": 9, "every": "x"}, "exists for the whole run only"),
        ({"metric": "error_cost", "not_worse_than": "baseline"}, "exists for the whole run only"),
        ({"metric": "accuracy", "not_worse_than": "champion"}, "Input should be 'baseline'"),
        ({"metric": "accuracy", "not_worse_than": "baseline", "margin": -0.1}, "greater than or equal to 0"),
        ({"metric": "accuracy", "min": float("nan")}, "finite number"),
        ({"metric": "accuracy", "min": 0.9, "slice": "y=1"}, "'y' is not among the slices ['x']"),
        ({"metric": "accuracy", "min": 90}, "accuracy lies between 0 and 1; 0.9 means 90 % (given: 90)"),
        ({"metric": "recall", "class": "a", "min": -0.1}, "recall lies between 0 and 1"),
        ({"metric": "mcc", "max": 1.5}, "mcc lies between -1 and 1 (given: 1.5)"),
        ({"metric": "latency_ms_p95", "max": -1}, "latency_ms_p95 is never below 0"),
        ({"metric": "n_examples", "min": 99.5}, "n_examples is a whole number from 1 on"),
        ({"metric": "n_examples", "min": 0}, "n_examples is a whole number from 1 on"),
        ({"metric": "accuracy", "not_worse_than": "baseline", "margin": 1}, "0.01 means one point (given: 1)"),
        ({"metric": "mcc", "not_worse_than": "baseline", "margin": 2}, "0.01 means one point"),
        ({"metric": "accuracy", "min": False}, "YAML reads yes, no, on, off as true and false; give a number"),
    ],
)
def test_a_threshold_that_says_nothing_sensible_is_refused(threshold: dict[str, Any], says: str) -> None:
    with pytest.raises(RequirementsError, match=re.escape(says)):
        requirements.load({"slices": ["x"], "thresholds": [threshold]})


@pytest.mark.parametrize("metric", names.ALL_METRICS)
@settings(deadline=None, max_examples=inputs(20))
@given(st.floats(-3, 3) | st.integers(-3, 200), st.sampled_from(["min", "max"]))
def test_a_bound_is_taken_where_the_metric_can_be(metric: str, bound: float, side: str) -> None:
    label = {"class": "a"} if metric in names.OF_ONE_CLASS else {}
    low, high = names.RANGES.get(metric, (-math.inf, math.inf))
    wanted = low <= bound <= high and (metric != names.N_EXAMPLES or bound == int(bound))
    loaded, refused = loaded_or_refused({"thresholds": [{"metric": metric, side: bound, **label}]})
    assert (loaded is not None) is wanted, refused
    assert loaded is None or getattr(loaded.thresholds[0], side) == bound


def test_the_ranges_are_those_of_the_formulas() -> None:
    formulas = {**metrics.OVERALL, **metrics.of_classes(["a", "b"]), names.COVERAGE: metrics.COVERAGE}
    of = {name: names.RANGES[name.partition("[")[0]] for name in formulas}
    assert of == {name: (formula.low, formula.high) for name, formula in formulas.items()}
    assert {*names.ALL_METRICS} - {*names.RANGES} == {
        *names.COST_METRICS, "ab_outcome", "ab_difference", "rating_mean", "rating_difference"
    }  # fmt: skip


def test_margins_that_a_model_can_miss_are_taken() -> None:
    for metric, margin in (("accuracy", 0.999), ("mcc", 1.5), ("log_loss", 5)):
        threshold = {"metric": metric, "not_worse_than": "baseline", "margin": margin}
        assert requirements.load({"thresholds": [threshold]}).thresholds[0].margin == margin


def test_a_key_that_is_given_twice_is_named_with_all_its_lines(tmp_path: Path) -> None:
    """YAML keeps the last and says nothing: thresholds would be lost."""
    found = mistakes(
        written(
            tmp_path,
            """\
            thresholds:
              - {metric: accuracy, min: 0.9}
            confidence: 2
            error_costs: {1: {2: 3}, "1": {2: 4}}
            thresholds:
              - {metric: accuracy, min: 0.95, min: 0.5}
              - metric: accuracy
                min: 0.9
                metric: mcc
            thresholds:
              - {metric: accuracy, min: 0.1}
              - {metric: accuracy, min: 0.95, min: 0.5}
            """,
        )
    )
    assert sorted(found) == [3, 4, 6, 9, 10, 12]
    assert found[6].startswith("thresholds.0.min: given 2 times, on line 6;")
    assert found[9].startswith("thresholds.1.metric: given 2 times, on lines 7 and 9;")
    assert found[4].startswith("error_costs.1: given 2 times, on line 4;")
    assert found[10] == "thresholds: given 3 times, on lines 1 and 5 and 10; only the last would count: give it once"
    assert found[12].startswith("thresholds.1.min: given 2 times, on line 12")


def test_a_key_that_an_alias_or_a_merge_brings_in_is_not_given_twice(tmp_path: Path) -> None:
    text = """\
        task: {labels: [a, b]}
        thresholds:
          - &first {metric: accuracy, min: 0.9}
          - {<<: *first, min: 0.8, min_examples: 50}
          - *first
        error_costs: {a: &same {b: 1}, b: {a: 1}}
    """
    assert [t.min for t in requirements.load(written(tmp_path, text)).thresholds] == [0.9, 0.8, 0.9]


def test_a_truth_is_no_number_anywhere(tmp_path: Path) -> None:
    """YAML reads `no` as false, which would count as 0."""
    found = mistakes(
        written(
            tmp_path,
            """\
            schema_version: yes
            weights: {accuracy: on}
            intersections: yes
            discover: off
            confidence: yes
            error_costs: {a: {b: no}}
            prices: {label: no}
            thresholds:
              - {metric: accuracy, min: no}
              - {metric: error_cost, max: no}
              - {metric: accuracy, not_worse_than: baseline, margin: no}
              - {metric: accuracy, min: 0.9, min_examples: yes}
            """,
        )
    )
    assert sorted(found) == [*range(1, 8), *range(9, 13)]
    for words in found.values():
        assert re.search(r"YAML reads yes, no, on, off as true and false; give a number \(given: (True|False)\)", words)


def test_weights_of_one_class_name_a_declared_label() -> None:
    weights = {"recall[good]": 2, "accuracy": 1}
    assert requirements.load({"weights": weights, "task": {"labels": ["good", "bad"]}}).weights == weights
    assert requirements.load({"weights": {"recall[x[1]]": 1}}).weights == {"recall[x[1]]": 1}
    with pytest.raises(RequirementsError, match=r"weights.recall\[god\]: 'god' is not .* Did you mean 'good'\?"):
        requirements.load({"weights": {"recall[god]": 2}, "task": {"labels": ["good", "bad"]}})
    for nothing in ("recall[]", "recall", "accuracy[good]"):
        with pytest.raises(RequirementsError, match="unknown metric"):
            requirements.load({"weights": {nothing: 1}})


def test_a_column_whose_name_holds_an_equals_sign_can_be_named() -> None:
    gates = [{"metric": "accuracy", "min": 0.5, "every": "a=b"}, {"metric": "accuracy", "min": 0.5, "slice": None}]
    every, whole = requirements.load({"slices": ["a=b"], "thresholds": gates}).thresholds
    assert str(every) == "accuracy at least 0.5 in every a=b"
    assert str(whole) == "accuracy at least 0.5"


def test_every_metric_of_the_contract_can_be_asked_for() -> None:
    for metric in names.ALL_METRICS:
        label = {"class": "a"} if metric in names.OF_ONE_CLASS else {}
        bound = 1 if metric == names.N_EXAMPLES else 0.5
        (threshold,) = requirements.load({"thresholds": [{"metric": metric, "min": bound, **label}]}).thresholds
        assert threshold.key == (f"{metric}[a]" if label else metric)


def test_labels_that_are_numbers_are_names_and_a_bare_yes_is_refused() -> None:
    """YAML reads `yes` as true: silently it would become a label that no row has."""
    assert requirements.load({"task": {"labels": [0, 1]}}).task.labels == ("0", "1")
    with pytest.raises(
        RequirementsError,
        match=r"task\.labels\.0: YAML reads yes, no, on, off as true and false; put the word in quotes",
    ):
        requirements.load(yaml.safe_load("task: {labels: [yes, no]}"))


@pytest.mark.parametrize(
    "text",
    [
        "", "- a list", "just words", "a: [never closed", "\tx: 1", "a: 'b", "? {a: b}\n: c", "a: \x01",
        "task: {name: 2025-13-45}", "a: !!int abc", "a: !!timestamp soon", "a: !!python/object:os.system x",
        "intersections: " + "9" * 5_000, "a: &a [*a]", "[" * 3_000, "1: 2", "~: 1", "a: 0x_",
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_what_is_no_requirements_file_is_said_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        RequirementsError, match=r"requirements\.yaml (is not valid YAML|holds no mapping|has \d mistake)"
    ):
        requirements.load(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(RequirementsError, match=r"cannot read requirements .*Draft one with: mlflow-evalplus init"):
        requirements.load(tmp_path / "none.yaml")
    with pytest.raises(RequirementsError, match="cannot read requirements"):
        requirements.load(tmp_path)
    path = tmp_path / "latin1.yaml"
    path.write_bytes(b"task: {name: na\xefve}")
    with pytest.raises(RequirementsError, match="is not UTF-8 text"):
        requirements.load(path)


def test_nothing_asked_is_nothing_required() -> None:
    empty = requirements.load(None)
    assert empty == requirements.load({}) == requirements.Requirements()
    assert requirements.load(empty) is empty
    assert not empty.thresholds


KEYS = st.sampled_from(
    [*requirements.Requirements.model_fields, *requirements.Threshold.model_fields, "labels", "class"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KEYS
CONTENT = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def loaded_or_refused(source: Any) -> tuple[requirements.Requirements | None, str]:
    try:
        return requirements.load(source), ""
    except RequirementsError as error:
        return None, str(error)


@settings(deadline=None, max_examples=inputs(200))
@given(st.dictionaries(KEYS | st.text(max_size=4) | st.integers(), CONTENT, max_size=5))
def test_any_mapping_loads_or_is_refused_in_words(content: dict[Any, Any]) -> None:
    loaded, refused = loaded_or_refused(content)
    if loaded:
        again = requirements.load(loaded.model_dump(by_alias=True, exclude_unset=True))
        assert again.digest == loaded.digest
    else:
        assert re.match(r"requirements has \d+ mistakes?:\n", refused)


@settings(deadline=None, max_examples=inputs(150))
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60) | CONTENT.map(lambda c: yaml.safe_dump(c)))
def test_any_file_loads_or_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8")
    loaded, refused = loaded_or_refused(path)
    assert loaded or refused.startswith(str(path))


def test_the_digest_is_of_what_is_asked_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    flow = "{task: {labels: [a, b]}, thresholds: [{metric: accuracy, min: 0.90}], prices: {label: 1}}"
    block = """\
        # the same, written out
        prices:
          label: 1.0
          currency: "USD"  # as by default
        thresholds:
          - min: 0.9
            metric: 'accuracy'
        schema_version: 1
        task:
          labels:
            - a
            - b
    """
    digest = requirements.load(written(tmp_path, flow)).digest
    assert requirements.load(written(tmp_path, block)).digest == digest
    assert requirements.load(yaml.safe_load(flow)).digest == digest
    assert re.fullmatch("[0-9a-f]{12}", digest)
    for other in (flow.replace("0.90", "0.91"), flow.replace("a, b", "b, a"), flow.replace("accuracy", "mcc"), "{}"):
        assert requirements.load(written(tmp_path, other)).digest != digest
