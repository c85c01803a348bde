"""A fine-tuned transformer: any checkpoint of the hub or of a folder, on a CPU, a GPU or several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow_evalplus.errors import DataError
from recipes.classifiers import resume
from recipes.classifiers.checkpoint import Checkpoint, find, require
from recipes.classifiers.files import writing
from recipes.classifiers.job import Job
from recipes.classifiers.threads import free_cores
from recipes.classifiers.tuning import OF_THE_MOMENT, Settings, settings

NEEDED = ("torch", "transformers", "accelerate", "datasets")
WORKER = "recipes.classifiers.worker"


def fit(job: Job, checkpoint: str = "") -> None:
    """Fine-tune a checkpoint and write it into the job's folder: configuration, safetensors, tokenizer.

    A training that was killed goes on from its last whole checkpoint in the job's folder for work. It ends when macro
    F1 of the held-out rows has not risen for some epochs, and the best epoch is written; without held-out rows
    the last one.

    Parameters
    ----------
    job : Job
        With `settings` of `recipes.classifiers.tuning.Settings`.
    checkpoint : str
        A hub id, ``owner/name`` or ``owner/name@revision``, or a folder; empty for the MiniLM of a package.

    Raises
    ------
    DataError
        A package is missing, a setting is wrong, the checkpoint is not usable, or there is only one label.
    """
    chosen = settings(job.settings).with_epochs(len(job.texts))
    if len(job.classes) < 2:
        raise DataError(f"a transformer needs rows of two labels; all are {job.classes}")
    require(*NEEDED)
    found = find(checkpoint)
    with writing(job.work):
        threads = resume.planned(job.work, _plan(job, found, chosen), chosen.threads or free_cores())
        resume.latest(job.work)
        processes = chosen.processes or _gpus()
        job.say(f"{found.name}: {len(job.texts):,} rows, {_device(processes, threads)}")
        _train(job, found.folder, chosen, threads, processes)


def _train(job: Job, folder: Path, chosen: Settings, threads: int, processes: int) -> None:
    if processes > 1:
        _launch(job, folder, chosen, max(1, threads // processes), processes)
        return
    from recipes.classifiers.finetuning import finetune

    finetune(job, folder, chosen, threads)


def _plan(job: Job, checkpoint: Checkpoint, chosen: Settings) -> dict[str, Any]:
    """Return all that decides what comes out, so that no checkpoint of another training is taken up."""
    rows = [job.texts, job.labels, job.held_out_texts, job.held_out_labels]
    decides = {key: value for key, value in asdict(chosen).items() if key not in OF_THE_MOMENT}
    return {
        "rows": resume.digest(rows), "checkpoint": checkpoint.digest, "settings": decides, "seed": job.seed,
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }  # fmt: skip


def _gpus() -> int:
    import torch

    return max(1, torch.cuda.device_count())


def _device(processes: int, threads: int) -> str:
    import torch

    if torch.cuda.is_available():
        return f"{processes} × {torch.cuda.get_device_name()}" if processes > 1 else torch.cuda.get_device_name()
    return (f"{processes} processes, " if processes > 1 else "") + f"{threads} thread{'s' if threads > 1 else ''}"


def _launch(job: Job, folder: Path, chosen: Settings, threads: int, processes: int) -> None:
    """Fine-tune in several processes, one for each device, and pass on what the first of them tells."""
    import torch

    request = job.work / "job.json"
    content = {
        "texts": list(job.texts), "labels": list(job.labels), "held_out_texts": list(job.held_out_texts),
        "held_out_labels": list(job.held_out_labels), "folder": str(job.folder.resolve()),
        "root": str(job.root.resolve()), "work": str(job.work.resolve()), "seed": job.seed,
        "checkpoint": str(folder), "settings": asdict(chosen), "threads": threads, "launched_by": os.getpid(),
    }  # fmt: skip
    request.write_text(json.dumps(content), encoding="utf-8")
    device = ["--multi_gpu"] if torch.cuda.is_available() else ["--cpu"]
    command = [
        sys.executable, "-m", "accelerate.commands.launch", *device, "--num_processes", str(processes),
        "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
        "--num_cpu_threads_per_process", str(threads), "-m", WORKER, str(request.resolve()),
    ]  # fmt: skip
    others: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        cwd=Path(__file__).parents[2],
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                if not _passed_on(job, line):
                    others.append(line)
        finally:
            if process.poll() is None:
                process.terminate()
    request.unlink()
    if process.returncode:
        raise DataError(f"the training in {processes} processes ended with {process.returncode}: "
                        f"{''.join(others).strip() or 'it told nothing'}")  # fmt: skip


def _passed_on(job: Job, line: str) -> bool:
    """Pass on a line of a worker; False where it is something else that was printed."""
    try:
        told = json.loads(line)
        if "say" in told:
            job.say(str(told["say"]))
        else:
            job.log({str(key): float(value) for key, value in told["log"].items()}, int(told["step"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return True
