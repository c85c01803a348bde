"""What runs in the fresh process of `footprint`: loads a model, answers a sample, writes what that took.

Only the standard library is imported here, and MLflow before the measuring begins: what the model imports is its own.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(request_file: str) -> None:
    """Read a request, measure, and write the figures, or the error, as JSON to the file that it names.

    The request holds ``model`` (a folder), ``config`` (of the model, or None), ``sample`` (a Parquet file) and
    ``answer`` (a file).
    """
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    try:
        answer = measure(request)
    except Exception as error:  # a model may fail in any way
        answer = {"error": brief(error)}
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Return seconds to load, and bytes of memory at the peak: of the model, of the whole process, on the GPU."""
    import mlflow.pyfunc
    import pandas as pd

    sample = pd.read_parquet(request["sample"])
    gc.collect()
    earlier = peak()
    held = reset_peak()
    start = time.perf_counter()
    model = mlflow.pyfunc.load_model(request["model"], suppress_warnings=True, model_config=request["config"])
    load_s = time.perf_counter() - start
    model.predict(sample)
    highest = peak()
    return {
        "load_s": load_s,
        "peak_memory_bytes": None if highest is None or held is None else max(highest - held, 0),
        "process_memory_bytes": max(highest, earlier or 0) if highest is not None else None,
        "gpu_memory_bytes": gpu_peak(),
    }


def brief(error: Exception) -> str:
    """Return an error's kind and first line.

    Examples
    --------
    >>> brief(ValueError("too long", "by far"))
    "ValueError: ('too long', 'by far')"
    """
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}"


def peak() -> int | None:
    """Return the most memory, in bytes, that this process has held; None where the system does not tell.

    Linux' ``ru_maxrss`` begins with what the parent held, so its own figure is read where there is one.
    """
    if STATUS.is_file():
        return _status("VmHWM")
    try:
        import resource
    except ImportError:  # Windows
        return None
    # macOS counts bytes, the others kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak() -> int | None:
    """Return the memory that is held now, and count the peak from here where the system allows it."""
    if not STATUS.is_file():
        return peak()
    with suppress(OSError):
        CLEAR.write_text("5")
    return _status("VmRSS")


def _status(key: str) -> int | None:
    lines = STATUS.read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), None)


def gpu_peak() -> int | None:
    """Return the peak of PyTorch's tensors on all GPUs; None where the model does not use it on one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return sum(int(torch.cuda.max_memory_allocated(device)) for device in range(torch.cuda.device_count()))
