"""How well planted latency and memory are measured, through MLflow, and what measuring them costs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models.model import ModelInfo

import mlflow_evalplus as ep
from mlflow_evalplus.results import Latency

pytestmark = pytest.mark.benchmark

MODEL = """
import time
import mlflow
import pandas as pd
from mlflow.models import set_model

class Planted(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.held = bytes(b"1") * {held}

    def predict(self, context, model_input: pd.DataFrame, params=None):
        time.sleep({sleep})
        return ["good"] * len(model_input)

set_model(Planted())
"""
ROWS = pd.DataFrame({"text": [f"message {i}" for i in range(1000)], "label": ["good", "bad"] * 500})


def planted(sleep: float, held: int) -> ModelInfo:
    Path("planted.py").write_text(MODEL.format(sleep=sleep, held=held))
    return mlflow.pyfunc.log_model(name="planted", python_model="planted.py", pip_requirements=["pandas"])


def measured(info: ModelInfo, **config: Any) -> tuple[Latency, float]:
    """Return what the plugin measured, and the seconds that the evaluation took."""
    with mlflow.start_run() as run:
        start = time.perf_counter()
        mlflow.models.evaluate(
            info.model_uri, ROWS, targets="label", model_type="classifier",
            evaluators=["evalplus"], evaluator_config={"evalplus": {"slices": [], **config}},
        )  # fmt: skip
        seconds = time.perf_counter() - start
    evaluation = ep.load(run.info.run_id)
    assert evaluation.notes == ()
    assert evaluation.latency is not None
    return evaluation.latency, seconds


def test_a_planted_sleep_of_20_ms_is_measured_within_5_percent(store: str) -> None:
    latency, _ = measured(planted(0.02, 0), footprint=False)
    print()
    for key, estimate in latency.single.items():
        print(f"{key}: {estimate} (planted 20 ms; {100 * (estimate.value / 20 - 1):+.1f} %)")
        # one request of 100 that meets another process is that process's
        quiet = latency.other_load is not None and latency.other_load < 0.05
        assert (estimate.value if quiet or not key.endswith("p99") else estimate.lower) == pytest.approx(20, rel=0.05)
    for size, rate in latency.throughput.items():
        print(
            f"batch of {size}: {rate} per s (planted {size / 0.02:,.0f}; {100 * (rate.value * 0.02 / size - 1):+.1f} %)"
        )
        assert rate.value == pytest.approx(size / 0.02, rel=0.05)
    print(f"other processes used {latency.other_load:.0%} of {latency.machine}")


@pytest.mark.parametrize("trainer_mb", [0, 1000])
def test_500_mb_that_a_model_allocates_are_measured_within_10_percent(store: str, trainer_mb: int) -> None:
    info = planted(0.0, 500_000_000)
    trainer = np.ones(trainer_mb * 1_000_000, dtype=np.uint8)
    latency, _ = measured(info)
    assert len(trainer) == trainer_mb * 1_000_000
    size = latency.footprint
    assert size is not None
    assert size.peak_memory_bytes is not None
    assert size.process_memory_bytes is not None
    print(
        f"\ntrainer holds {trainer_mb} MB: model {size.peak_memory_bytes / 1e6:.1f} MB (planted 500), "
        f"process {size.process_memory_bytes / 1e6:.1f} MB, loaded in {size.load_s:.2f} s"
    )
    assert size.peak_memory_bytes == pytest.approx(500_000_000, rel=0.1)
    assert size.process_memory_bytes < 1_000_000_000


@pytest.mark.parametrize("sleep", [0.0, 0.001, 0.005, 0.02])
def test_what_measuring_adds_to_an_evaluation(store: str, sleep: float) -> None:
    info = planted(sleep, 0)
    measured(info, latency_requests=0)
    nothing = measured(info, latency_requests=0)[1]
    timed = measured(info, footprint=False)[1]
    whole = measured(info)[1]
    print(
        f"\na call of {1000 * sleep:.0f} ms: evaluation {nothing:.1f} s, timed {timed:.1f} s (+{timed - nothing:.1f}), "
        f"with its footprint {whole:.1f} s (+{whole - timed:.1f})"
    )
    assert whole - nothing < 15
