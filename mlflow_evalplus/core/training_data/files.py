"""The files of a folder of training data: written once, never changed, each known by its digest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.training_data.lock import NAME as LOCK
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.limits import TABLE, read_at_most

VERSIONS, ASIDE = "versions.jsonl", "of-no-version-"
ROWS, TESTS = "rows-{:04d}.jsonl", "tests-{:04d}.jsonl"
_NUMBERED = re.compile(r"(?:rows|tests)-([0-9]{4,})\.jsonl")
_COUNTS = ("n_rows", "n_held_out", "n_added", "n_known", "n_test_texts")
_KINDS: dict[str, type] = {
    **dict.fromkeys(("at", "digest", "parent", "source", "note"), str), **dict.fromkeys(_COUNTS, int),
    **dict.fromkeys(("settings", "files", "refused"), dict),
}  # fmt: skip
Line = dict[str, Any]


def read_lines(folder: Path) -> list[Line]:
    """Return the lines of ``versions.jsonl``, one for each version.

    Raises
    ------
    DataError
        The folder holds no training data, or the file is damaged.
    """
    path = folder / VERSIONS
    if not path.is_file():
        here = sorted(p.name for p in folder.iterdir())[:12] if folder.is_dir() else None
        there = (
            f"it holds {shorten(here)}" if here else "it is empty" if here is not None else "there is no such folder"
        )
        raise DataError(f"{str(folder)!r} holds no training data (no {VERSIONS}): {there}. Make one with "
                        "TrainingData.create, or mlflow-evalplus versions FOLDER --create FILE")  # fmt: skip
    lines = _json_lines(path)
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, dict) or line.get("version") != number:
            raise DataError(f"{str(path)!r} is damaged: line {number} is not version {number}")
        if line.get("schema_version") != names.SCHEMA_VERSION:
            raise DataError(f"{str(path)!r} has schema version {line.get('schema_version')!r}; this release reads "
                            f"{names.SCHEMA_VERSION}")  # fmt: skip
        if fault := _fault(line):
            raise DataError(f"{str(path)!r} is damaged: line {number} {fault}")
    if not lines:
        raise DataError(f"{str(path)!r} is empty")
    return lines


def _fault(line: Line) -> str:
    """Return what a line lacks to be that of a version, in words."""
    for key, kind in _KINDS.items():
        if not isinstance(line.get(key), kind):
            return f"has no {key!r} that is a {kind.__name__}"
    own = {ROWS.format(line["version"]), TESTS.format(line["version"])}
    if not set(line["files"]) <= own:
        return f"names files that are not its own: {shorten(sorted(set(line['files']) - own))}"
    settings, retired = line["settings"], line.get("retired", [])
    named = [settings.get("text"), settings.get("label"), settings.get("time") or ""]
    if set(settings) != {"text", "label", "time"} or not all(isinstance(name, str) for name in named):
        return "has no 'settings' that name text, label and time"
    if not isinstance(retired, list) or not all(map(_retires, retired)):
        return "has no 'retired' that says which rows"
    return ""


def _retires(what: Any) -> bool:
    if not isinstance(what, dict):
        return False
    rule = what.get("rule")
    return {"column", "before"} <= set(rule) if isinstance(rule, dict) else isinstance(what.get("rows"), list)


def require_chain(folder: Path, lines: Iterable[Line]) -> None:
    """Check that every line is what it was when its version was made, and follows from the one before.

    Raises
    ------
    DataError
        The first that is not.
    """
    for problem in _broken(lines):
        raise DataError(f"{problem}; the training data of {str(folder)!r} cannot be trusted. Restore the file")


def read_checked(folder: Path, name: str, digest: str) -> list[Line]:
    """Return the lines of a file that is what it was when its version was made.

    Raises
    ------
    DataError
        It is missing, or was changed.
    """
    if problem := _changed(folder / name, digest):
        raise DataError(f"{problem}; the training data of {str(folder)!r} cannot be trusted. Restore the file")
    return _json_lines(folder / name)


def problems(folder: Path, lines: Iterable[Line]) -> list[str]:
    """Return what is no longer as it was when the versions were made, in sentences; every digest is made anew."""
    lines = list(lines)
    found, known = list(_broken(lines)), set[str]()
    for line in lines:
        for name, digest in line["files"].items():
            known.add(name)
            if problem := _changed(folder / name, digest):
                found.append(problem)
    left = sorted(path.name for path in folder.iterdir() if _NUMBERED.fullmatch(path.name) and path.name not in known)
    found += [
        f"{name} belongs to no version: a crash left it, or the line of its version is lost from {VERSIONS}; the "
        "next version sets it aside"
        for name in left
    ]
    return found


def write(folder: Path, line: Line, lines: Iterable[Line], content: Mapping[str, Iterable[Line]]) -> Line:
    """Write the files of one version, then the line that makes it one; return that line.

    A crash before the last step leaves the versions before it as they are.
    """
    files = {name: _replace(folder / name, rows) for name, rows in content.items()}
    line = {**line, "files": files}
    line["digest"] = digest_of(line)
    _replace(folder / VERSIONS, [*lines, line])
    return line


def is_own(name: str) -> bool:
    """Return whether a file of this name in a folder of training data is one that is written here."""
    name = name.casefold()
    return name in (VERSIONS, LOCK) or name.startswith(ASIDE) or _NUMBERED.fullmatch(name) is not None


def clean(folder: Path, newest: int) -> None:
    """Set aside the files of a version that was being made when it crashed, and remove parts of files.

    They may as well be of a version whose line is lost, where ``versions.jsonl`` was restored from an older copy.

    Raises
    ------
    DataError
        There are files of later versions, which no crash can leave: lines of ``versions.jsonl`` are lost.
    """
    numbered = {path: int(match[1]) for path in folder.iterdir() if (match := _NUMBERED.fullmatch(path.name))}
    lost = sorted(path.name for path, number in numbered.items() if number > newest + 1)
    if lost:
        raise DataError(
            f"{str(folder)!r} holds {shorten(lost)}, but {VERSIONS} lists only {newest} versions; restore {VERSIONS}"
        )
    for path in [path for path, number in numbered.items() if number == newest + 1]:
        path.rename(path.with_name(f"{ASIDE}{path.stem}-{secrets.token_hex(4)}.jsonl"))
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


def _broken(lines: Iterable[Line]) -> Iterator[str]:
    parent = ""
    for line in lines:
        number = line["version"]
        if line["digest"] != digest_of(line):
            yield f"{VERSIONS}: line {number} was changed after version {number} was made"
        if line["parent"] != parent:
            yield f"{VERSIONS}: version {number} does not follow from the line before it"
        parent = line["digest"]


def digest_of(line: Line) -> str:
    """Return the digest of a version: of its line, which names the digests of its files and of its parent."""
    content = json.dumps({k: v for k, v in line.items() if k != "digest"}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _changed(path: Path, digest: str) -> str:
    if not path.is_file():
        return f"{path.name} is missing"
    same = hashlib.sha256(path.read_bytes()).hexdigest() == digest
    return "" if same else f"{path.name} was changed after its version was made"


def _json_lines(path: Path) -> list[Line]:
    found = []
    for number, line in enumerate(read_at_most(path, TABLE, "is it the right file?").splitlines(), start=1):
        try:
            found.append(loads(line))
        except ValueError:
            raise DataError(f"{str(path)!r} is damaged: line {number} is not JSON") from None
    return found


def _replace(path: Path, rows: Iterable[Line]) -> str:
    """Write a file whole or not at all, down to the disk; return its digest."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    digest = hashlib.sha256()
    try:
        with part.open("wb") as file:
            for row in rows:
                octets = json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
                digest.update(octets)
                file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
