"""Words of a linear model on 10,000 messages: beside vectorise + predict, and beside SHAP's linear explainer.

``pytest -m benchmark -s tests/benchmarks/test_word_attribution.py``
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from mlflow_evalplus.core.attribution.linear_text import linear_text
from mlflow_evalplus.core.attribution.word_attribution import attribute_words
from mlflow_evalplus.core.predictions import Predictions, read
from recipes.classifiers.linear import PIPELINES
from tests.benchmarks.timing import medians
from tests.conftest import REAL_DATA

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parents[2]
N, MAX_WORDS = 10_000, 10_000
LIMIT, LIMIT_OF_SHAP = 1.5, 0.1


def messages() -> pd.DataFrame:
    """Return 10,000 messages: of DynaSent where it is at hand, else of the recipe; varied, not repeated."""
    real = REAL_DATA / "dynasent" / "examples.csv"
    rows = pd.read_csv(real if real.exists() else ROOT / "recipes" / "sentiment" / "messages.csv").dropna(subset="text")
    rows = rows[rows["label"].isin(["negative", "neutral", "positive"])].reset_index(drop=True)
    rng = np.random.default_rng(0)
    more = rows.iloc[rng.integers(0, len(rows), max(N - len(rows), 0))]
    shuffled = [" ".join(rng.permutation(text.split(" "))) for text in more["text"]]
    return pd.concat([rows, more.assign(text=shuffled)]).iloc[:N][["text", "label"]].reset_index(drop=True)


def trained(pipeline: Pipeline, rows: pd.DataFrame) -> Predictions:
    half = rows.iloc[::2]
    pipeline.fit(half["text"], half["label"])
    return read(rows.assign(prediction=pipeline.predict(rows["text"])), text="text")


@pytest.mark.parametrize("name", ["words", "words_chars"])
def test_it_costs_at_most_half_more_than_to_vectorise_and_predict(name: str) -> None:
    rows, pipeline = messages(), PIPELINES[name](0)
    with threadpool_limits(1, "blas"):
        predictions = trained(pipeline, rows)
        texts = rows["text"].tolist()
        asked, explained = medians(
            [lambda: pipeline.predict_proba(texts), lambda: attribute_words(predictions, linear_text(pipeline))], 7
        )  # type: ignore[arg-type]
    print(
        f"\n{name}: {N:,} messages, {len(pipeline[:-1].get_feature_names_out()):,} features: vectorise + predict "
        f"{asked:.2f} s, words {explained:.2f} s: {explained / asked:.2f} × (limit {LIMIT})"
    )
    assert explained < LIMIT * asked


PROGRAM = """
import json, sys, time
import numpy as np
from tests.benchmarks.test_word_attribution import limited, messages, trained
from mlflow_evalplus.core.attribution.linear_text import linear_text
from mlflow_evalplus.core.attribution.word_attribution import attribute_words

def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1024

rows, pipeline = messages(), limited()
predictions = trained(pipeline, rows)
features = pipeline[:-1].transform(rows["text"])
small = features[:200]
if sys.argv[1] == "shap":
    import shap
    call = lambda x: shap.LinearExplainer(pipeline[-1], x).shap_values(x)
    call(small[:, :])
else:
    model = linear_text(pipeline)
    few = type(predictions)(predictions.table.slice(0, 200).combine_chunks(), predictions.labels)
    call = lambda x: attribute_words(few if x is small else predictions, model, inputs=x)
    call(small)
open("/proc/self/clear_refs", "w").write("5")  # the peak from here on
before = status("VmRSS")
start = time.perf_counter()
kept = call(features)
taken = time.perf_counter() - start
print("\\n" + json.dumps([taken, status("VmHWM") - before]))
"""


def limited() -> Pipeline:
    """Return a model of at most 10,000 words: SHAP holds rows × features × classes in memory."""
    return make_pipeline(TfidfVectorizer(max_features=MAX_WORDS, sublinear_tf=True), LogisticRegression(max_iter=1000))


def measured(kind: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind], capture_output=True, text=True, check=True, cwd=ROOT)
    return [float(value) for value in json.loads(done.stdout.splitlines()[-1])]


def test_it_takes_a_tenth_of_the_time_and_memory_of_shap() -> None:
    """Both are given the features: what they cost to make is the same for both, and in the other benchmark."""
    pytest.importorskip("shap")
    times, peaks = np.median([[measured(kind) for kind in ("words", "shap")] for _ in range(3)], axis=0).T
    print(
        f"\n{N:,} messages, at most {MAX_WORDS:,} features: words {times[0]:.3f} s and {peaks[0]:,.0f} MB, SHAP "
        f"{times[1]:.2f} s and {peaks[1]:,.0f} MB: {times[0] / times[1]:.3f} × the time, {peaks[0] / peaks[1]:.3f} × "
        f"the memory (limit {LIMIT_OF_SHAP})"
    )
    assert times[0] < LIMIT_OF_SHAP * times[1]
    assert peaks[0] < LIMIT_OF_SHAP * peaks[1]


def test_with_its_own_features_made_it_still_takes_a_tenth_of_shap() -> None:
    """The whole way from texts, SHAP's without the features that it needs as well."""
    pytest.importorskip("shap")
    rows, pipeline = messages(), limited()
    with threadpool_limits(1, "blas"):
        predictions = trained(pipeline, rows)
        (ours,) = medians([lambda: attribute_words(predictions, linear_text(pipeline))], 5)  # type: ignore[arg-type]
    shap = float(np.median([measured("shap")[0] for _ in range(3)]))
    print(
        f"\nfrom texts: words {ours:.2f} s, SHAP from features {shap:.2f} s: {ours / shap:.3f} × the time "
        f"(limit {LIMIT_OF_SHAP})"
    )
    assert ours < LIMIT_OF_SHAP * shap
