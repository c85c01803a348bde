"""Log evaluations from several processes at once: ``python -m tests.load.writing FIRST END PROCESSES``.

The parent has imported everything, then forks: all processes reach the store within milliseconds of each other. Its
last line is the seconds from the fork to the end of the last one. Evaluation `i` is of rows drawn with seed `i`, and
the run is named by it.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pandas as pd

from mlflow_evalplus.tracking.entry import Request, evaluate_file

LABELS = np.array(["negative", "neutral", "positive"])
N = 200


def rows(seed: int) -> pd.DataFrame:
    """Return rows that no other seed has: each text names its seed."""
    rng = np.random.default_rng(seed)
    label = rng.choice(LABELS, N)
    return pd.DataFrame(
        {
            "text": [f"message {i} of {title(seed)}" for i in range(N)],
            "label": label,
            "prediction": np.where(rng.random(N) < rng.uniform(0.1, 0.5), rng.choice(LABELS, N), label),
            "channel": rng.choice(["app", "web"], N),
        }
    )


def title(seed: int) -> str:
    """Return the name of the run and of the data set."""
    return f"seed-{seed:03}"


def write(seeds: range) -> None:
    """Log as ``mlflow-evalplus evaluate --predictions`` does."""
    for seed in seeds:
        data, wanted = Path(f"{title(seed)}.csv"), Path(f"{title(seed)}.yaml")
        rows(seed).to_csv(data, index=False)
        wanted.write_text(f"task: {{name: {title(seed)}}}\nslices: [channel]\n", encoding="utf-8")
        evaluate_file(str(data), Request(requirements=str(wanted), run_name=title(seed)))


def main(first: int, end: int, processes: int) -> int:
    gc.freeze()  # else the collector of each child copies the parent's memory
    began = time.perf_counter()
    children = [_fork(range(first + number, end, processes)) for number in range(processes)]
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    print(time.perf_counter() - began)
    return len(failed)


def _fork(seeds: range) -> int:
    child = os.fork()
    if child == 0:
        try:
            write(seeds)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
