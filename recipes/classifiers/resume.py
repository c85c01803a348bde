"""Checkpoints of a training: which of them are whole, and from which one it goes on.

A checkpoint is sealed when all of its files are written: the seal holds their digests. What a kill left half-written
has no seal, and what was damaged since does not fit it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recipes.classifiers.checkpoint import sha256

SEAL, STATE, PLAN = "sealed.json", "trainer_state.json", "training.json"
PREFIX = "checkpoint-"


def seal(folder: Path) -> None:
    """Note the digests of a checkpoint's files: from now on it is whole."""
    content = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != SEAL}
    _write(folder / SEAL, content)


def whole(folder: Path) -> bool:
    """Say whether a checkpoint has all its files, as they were written."""
    content = _read(folder / SEAL)
    return bool(content) and all(
        (folder / name).is_file() and sha256(folder / name) == digest for name, digest in content.items()
    )


def keep(work: Path, *folders: Path) -> None:
    """Remove all checkpoints but these."""
    kept = {folder.resolve() for folder in folders}
    for folder in checkpoints(work):
        if folder.resolve() not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def checkpoints(work: Path) -> list[Path]:
    """Return the checkpoints of a folder, the latest first."""
    found = [path for path in work.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(PREFIX)), reverse=True)


def state(folder: Path) -> dict[str, Any]:
    """Return what the trainer noted in a checkpoint: its step, the best checkpoint so far, the history."""
    return _read(folder / STATE)


def latest(work: Path) -> Path | None:
    """Return the latest checkpoint to go on from: whole, and so is the best one that it refers to.

    What is not is removed.
    """
    sound: dict[Path, bool] = {}
    for folder in checkpoints(work):
        best = Path(state(folder).get("best_model_checkpoint") or folder)
        for path in (folder, best):
            if path not in sound:
                sound[path] = whole(path)
        if sound[folder] and sound[best]:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
    return None


def digest(columns: Sequence[Sequence[str]]) -> str:
    """Return the digest of some columns of texts: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for column in columns:
        whole.update(json.dumps(list(column)).encode() + b"\n")
    return whole.hexdigest()[:16]


def planned(work: Path, plan: Mapping[str, Any], threads: int) -> int:
    """Return the threads of a training; checkpoints of another one are removed.

    Parameters
    ----------
    work : Path
        Where its checkpoints lie.
    plan : mapping
        All that decides what comes out.
    threads : int
        Where it begins. One that goes on has those with which it began: sums of floating point numbers depend on it.
    """
    noted = _read(work / PLAN)
    if noted.get("plan") == dict(plan) and isinstance(noted.get("threads"), int):
        return int(noted["threads"])
    keep(work)
    work.mkdir(parents=True, exist_ok=True)
    _write(work / PLAN, {"plan": dict(plan), "threads": threads})
    return threads


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    written = path.with_suffix(".new")
    written.write_text(json.dumps(content), encoding="utf-8")
    written.replace(path)
