"""One of several processes that fine-tune together: ``accelerate launch … -m recipes.classifiers.worker job.json``.

The first of them tells its progress as a line of JSON each. All end when the process that launched them is gone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from recipes.classifiers.finetuning import finetune
from recipes.classifiers.job import Job
from recipes.classifiers.tuning import settings

LOOK_S = 1.0


def main(request: str) -> None:
    """Train the job in a file."""
    content = json.loads(Path(request).read_text(encoding="utf-8"))
    first = os.environ.get("RANK", "0") == "0"
    _end_with(content["launched_by"])
    job = Job(
        content["texts"], content["labels"], Path(content["folder"]), Path(content["root"]), Path(content["work"]),
        held_out_texts=content["held_out_texts"], held_out_labels=content["held_out_labels"], seed=content["seed"],
        log=lambda metrics, step: _tell(first, log=metrics, step=step), say=lambda line: _tell(first, say=line),
    )  # fmt: skip
    finetune(job, Path(content["checkpoint"]), settings(content["settings"]), content["threads"])


def _tell(first: bool, **what: Any) -> None:
    if first:
        print(json.dumps(what), flush=True)


def _end_with(launcher: int) -> None:
    """End this process when that one has ended: a killed training leaves nobody behind who writes to its folder."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(launcher)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
