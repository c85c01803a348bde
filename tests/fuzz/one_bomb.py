"""Read one file with one parser in a process that has only so much memory; say what came of it."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from mlflow_evalplus.errors import EvalPlusError
from tests.fuzz.parsers import PARSERS


def main(name: str, path: str, memory: int) -> None:
    """Print the outcome as JSON: the error's class and message, seconds, and the peak of memory in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    started, kind, told = time.perf_counter(), "", ""
    try:
        PARSERS[name].run(Path(path))
    except EvalPlusError as error:
        kind, told = type(error).__name__, str(error)
    except BaseException as error:
        kind, told = f"unexpected {type(error).__name__}", str(error)[:300]
    seconds = time.perf_counter() - started
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"kind": kind, "told": told, "seconds": round(seconds, 1), "mb": round(peak)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
