"""50 rules on 100,000 texts: what each does, with clusters and three slice columns; the search beside `re` alone.

``pytest -m benchmark -s tests/benchmarks/test_rule_effects.py``
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.pattern_search import search_all
from tests.benchmarks.timing import seconds

pytestmark = pytest.mark.benchmark
MESSAGES = Path(__file__).parents[2] / "recipes" / "sentiment" / "messages.csv"
N, LIMIT_SECONDS = 100_000, 10.0
SHIPPED = (
    r"\bcomplain(t|ts|ing)\b|投诉", "ombudsman|small claims|solicitor|legal action|律师|消协|起诉",
    r"\b(unacceptable|disgrace(ful)?|appalling|shambles|fed up|useless|pathetic|ridiculous|nightmare)\b",
    "(third|fourth|fifth|sixth|3rd|4th|5th) (time|call|email|letter)|第[三四五六]次",
    r"\b(could you|can you|can i|do you|is it possible|how (do|can|long|much)|what (is|are|time))\b",
    "请问|能不能|可以吗|怎么(办|弄|设置|申请|查)|多少|是否|吗[？?]",
)  # fmt: skip


def test_fifty_rules_on_a_hundred_thousand_texts() -> None:
    rng = np.random.default_rng(0)
    messages = pd.read_csv(MESSAGES)
    frame = messages.iloc[rng.integers(0, len(messages), N)].reset_index(drop=True)
    frame["text"] += " " + pd.Series(np.arange(N).astype(str))
    labels = sorted(messages["label"].unique())
    scores = {label: f"p_{label}" for label in labels}
    frame = frame.assign(**dict(zip(scores.values(), rng.dirichlet([1] * len(labels), N).T, strict=True)))
    words = sorted({word for text in messages["text"] for word in text.lower().split() if word.isalpha()})
    patterns = [*SHIPPED, *(rf"\b{word}\b" for word in rng.choice(words, 50 - len(SHIPPED), replace=False))]
    rules = [{"pattern": pattern, "label": str(rng.choice(labels)), "weight": 1.0} for pattern in patterns]
    compiled = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    texts = frame["text"].tolist()
    plain = [[pattern.search(text) is not None for pattern in compiled] for text in texts[:2000]]
    alone = seconds(lambda: [[pattern.search(text) for pattern in compiled] for text in texts])
    search = seconds(lambda: search_all(compiled, texts))
    slices = ["channel", "business_line", "language"]
    taken = seconds(lambda: ep.rule_effects(frame, rules, base_scores=scores, slices=slices))
    clustered = seconds(lambda: ep.rule_effects(frame, rules, base_scores=scores, slices=slices, cluster="customer_id"))
    print(f"\n50 rules, {N:,} texts: {taken:.1f} s, clustered {clustered:.1f} s; the search of the patterns "
          f"{search:.1f} s, by re alone {alone:.1f} s")  # fmt: skip
    assert search_all(compiled, texts[:2000]).tolist() == plain
    assert max(taken, clustered) < LIMIT_SECONDS
