"""Files of other tools → questions, and the answers that they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path

from mlflow_evalplus.core.questions.importing.samples import Imported, Sample, gathered
from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean

KINDS = {"csv": "tables", "evalscope": "evalscope", "inspect": "inspect_logs", "lm-eval": "lm_eval"}

__all__ = ["KINDS", "Imported", "import_file", "import_files"]


def import_file(path: str | Path, kind: str) -> Imported:
    """Return the questions in a file or a folder of another tool, and the answers of the models in it.

    Parameters
    ----------
    path : str or Path
    kind : str
        ``evalscope``: a file of ``reviews`` or ``predictions``, or the folder of a run; ``lm-eval``:
        ``samples_….jsonl``; ``inspect``: a dataset (CSV, JSON, JSONL) or a log (``.eval``, ``.json``); ``csv``: a table
        with a column of questions and one of answers. Of a folder all such files in it are read.

    Returns
    -------
    Imported

    Raises
    ------
    DataError
        It is not such a file, or nothing in it can be read as a question.
    """
    return import_files([path], kind)


def import_files(paths: Sequence[str | Path], kind: str) -> Imported:
    """Return the same of several files; a question that is in two of them is one.

    Raises
    ------
    DataError
        As `import_file`; or two files hold one question with different right answers.
    """
    if kind not in KINDS:
        raise DataError(f"kind is {kind!r}; give one of {list(KINDS)}.{did_you_mean(kind, KINDS)}")
    reader = import_module(f"mlflow_evalplus.core.questions.importing.{KINDS[kind]}")
    files: list[Path] = [file for path in paths for file in _files(Path(path), reader.PATTERNS, kind)]
    samples = [sample for file in files for sample in _read(file, reader.samples, kind)]
    return gathered(samples, ", ".join(map(str, paths)))


def _read(file: Path, samples: Callable[[Path], Iterable[Sample]], kind: str) -> list[Sample]:
    try:
        return list(samples(file))
    except EvalPlusError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:  # lists where objects should be
        said = f"{type(error).__name__}: {error}"
        raise DataError(f"{str(file)!r} is not as {kind} writes it ({said})") from None


def _files(path: Path, patterns: Sequence[str], kind: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted({file for pattern in patterns for file in path.rglob(pattern) if file.is_file()})
    if not found:
        raise DataError(f"the folder {str(path)!r} holds no file of {kind}; such are {', '.join(patterns)}")
    return found
