"""What others offer for labels, predictions and slices: one function each, on the rows that all are measured on.

Imports nothing of ours, so that an environment made for the peers runs it, and times itself:
``python tests/benchmarks/peers.py fairlearn_singles 10000`` prints seconds and figures as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

LABELS = ("negative", "neutral", "positive")
SLICES = {
    "language": ("English", "Chinese"),
    "device": ("phone", "tablet", "desktop"),
    "channel": ("app", "web", "email", "phone call"),
    "region": ("north", "south", "east", "west", "abroad"),
    "product": ("loan", "card", "account", "insurance", "savings", "mortgage", "pension", "broker"),
    "month": ("January", "February", "March", "April", "May", "June",
              "July", "August", "September", "October", "November", "December"),
}  # fmt: skip
PAIRS = list(combinations(SLICES, 2))
Figures = dict[str, float]


def rows(n: int) -> pd.DataFrame:
    """Return text columns; wrong are 10 % of the predictions, 20 % on the web, 25 % on mortgages in Chinese."""
    rng = np.random.default_rng(n)
    codes = {name: rng.integers(0, len(values), n) for name, values in SLICES.items()}
    label = rng.choice(3, n, p=[0.45, 0.35, 0.2])
    mortgage = (codes["language"] == 1) & (codes["product"] == 5)
    wrong = rng.random(n) < 0.1 + 0.1 * (codes["channel"] == 1) + 0.15 * mortgage
    prediction = np.where(wrong, (label + rng.integers(1, 3, n)) % 3, label)
    columns = {"label": np.array(LABELS)[label], "prediction": np.array(LABELS)[prediction]}
    return pd.DataFrame(columns | {name: np.array(SLICES[name])[code] for name, code in codes.items()})


def integer_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with labels and predictions as 0, 1, 2: most peers are faster with them."""
    codes = {name: pd.Index(LABELS).get_indexer(frame[name]) for name in ("label", "prediction")}
    return frame.assign(**codes)


def sklearn_loop(frame: pd.DataFrame) -> Figures:
    """The loop that one writes: matrix, report and agreement of every slice of the six columns."""
    found = {}
    for column in SLICES:
        for value, part in frame.groupby(column):
            label, prediction = part["label"], part["prediction"]
            metrics.confusion_matrix(label, prediction)
            metrics.precision_recall_fscore_support(label, prediction)
            metrics.cohen_kappa_score(label, prediction)
            metrics.matthews_corrcoef(label, prediction)
            found[f"{column}={value}"] = float(metrics.accuracy_score(label, prediction))
    return found


def fairlearn_metrics() -> dict[str, Callable[..., Any]]:
    """Return our seven metrics of all classes, as scikit-learn has them."""
    means = {"f1": metrics.f1_score, "precision": metrics.precision_score}
    return {
        "accuracy": metrics.accuracy_score,
        "f1_macro": partial(means["f1"], average="macro"),
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "f1_weighted": partial(means["f1"], average="weighted"),
        "precision_macro": partial(means["precision"], average="macro"),
        "cohen_kappa": metrics.cohen_kappa_score,
        "mcc": metrics.matthews_corrcoef,
    }


def _metric_frame(frame: pd.DataFrame, by: list[str], chosen: dict[str, Callable[..., Any]], **options: Any) -> Any:
    from fairlearn.metrics import MetricFrame

    return MetricFrame(
        metrics=chosen, y_true=frame["label"], y_pred=frame["prediction"], sensitive_features=frame[by], **options
    )


def fairlearn_singles(frame: pd.DataFrame) -> Figures:
    """Point estimates of the seven metrics, by each column."""
    found = {}
    for column in SLICES:
        result = _metric_frame(frame, [column], fairlearn_metrics()).by_group
        found |= {f"{column}={value}": float(share) for value, share in result["accuracy"].items()}
    return found


def fairlearn_pairs(frame: pd.DataFrame) -> Figures:
    """Point estimates of the seven metrics, by each pair of columns."""
    found = {}
    for one, other in PAIRS:
        result = _metric_frame(frame, [one, other], fairlearn_metrics()).by_group
        found |= {f"{one}={a} & {other}={b}": float(share) for (a, b), share in result["accuracy"].items()}
    return found


def fairlearn_bootstrap(frame: pd.DataFrame) -> Figures:
    """Intervals by a bootstrap of 100, of accuracy alone, by each column."""
    found = {}
    for column in SLICES:
        result = _metric_frame(
            frame, [column], {"accuracy": metrics.accuracy_score}, n_boot=100, ci_quantiles=[0.025, 0.975],
            random_state=0,
        )  # fmt: skip
        assert len(result.by_group_ci) == 2
        found |= {f"{column}={value}": float(share) for value, share in result.by_group["accuracy"].items()}
    return found


def evidently(frame: pd.DataFrame) -> Figures:
    """The classification preset: the metrics of all rows and of each class, no slices."""
    from evidently import DataDefinition, Dataset, MulticlassClassification, Report
    from evidently.presets import ClassificationPreset

    task = MulticlassClassification(target="label", prediction_labels="prediction")
    definition = DataDefinition(classification=[task], categorical_columns=list(frame.columns))
    data = Dataset.from_pandas(frame, data_definition=definition)
    found = Report([ClassificationPreset()]).run(data, None).dict()["metrics"]
    return {"all": next(float(m["value"]) for m in found if m["metric_name"].startswith("Accuracy("))}


PEERS: dict[str, tuple[str, Callable[[pd.DataFrame], Figures], bool]] = {  # → package, function, integer labels?
    "fairlearn_singles": ("fairlearn", fairlearn_singles, True),
    "fairlearn_pairs": ("fairlearn", fairlearn_pairs, True),
    "fairlearn_bootstrap": ("fairlearn", fairlearn_bootstrap, True),
    "evidently": ("evidently", evidently, False),
    "evidently_integers": ("evidently", evidently, True),
}


def main(name: str, n: str) -> None:
    """Run one peer, once, after a small run that imports all it needs; print its seconds and figures."""
    from importlib.metadata import version

    package, call, integers = PEERS[name]
    prepare = integer_labels if integers else pd.DataFrame.copy
    call(prepare(rows(1000)))
    frame = prepare(rows(int(n)))
    start = time.perf_counter()
    figures = call(frame)
    taken = time.perf_counter() - start
    versions = f"{package} {version(package)}, pandas {pd.__version__}"
    print(json.dumps({"seconds": taken, "figures": figures, "versions": versions}))


if __name__ == "__main__":
    main(*sys.argv[1:])
