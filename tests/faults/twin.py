"""What an experiment holds, read from the SQLite file and the artifacts' folder without MLflow: to be held against
that of a twin that met no fault.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# They differ from run to run: what MLflow tells of a model, the mark by which a run that was created late is found
# again, and the digest of the ids that were compared
OWN_TAGS = ("mlflow.log-model.history", "evalplus.delivery", "evalplus.compared")
TABLES = "mlflow.loggedArtifacts"
TIMED = re.compile("resources/|throughput_per_s/|latency_ms/")
OF_THE_MODEL = (
    "evalplus/evaluation.json", "evalplus/latency.json", "evalplus_cost_latency.md", "evalplus_cost_latency.png",
    "evalplus_report.html", "evalplus_summary.md",
)  # fmt: skip
ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True)
class Held:
    """One run.

    Attributes
    ----------
    metrics : list
        Every point: key, step, value.
    artifacts : dict
        Path → digest of the content, the numbers of runs and experiment replaced.
    """

    name: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[tuple[str, int, float]]
    inputs: list[tuple[str, ...]]
    artifacts: dict[str, str]

    @property
    def empty(self) -> bool:
        """Whether nothing of an evaluation is there; params and inputs come from others."""
        ours = [tag for tag in self.tags if tag.startswith("evalplus.")]
        return not (self.artifacts or ours or [key for key, *_ in self.metrics if key != "mine"])


@dataclass(frozen=True)
class Experiment:
    """All runs of an experiment, in an order that does not depend on ids or times."""

    runs: list[Held]
    models: list[tuple[str, int, float]] = field(default_factory=list)
    traces: int = 0
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def running(self) -> int:
        return sum(run.status not in ENDED for run in self.runs)

    def without_empty(self, also: str = "") -> Experiment:
        """Leave out runs that ended before anything was written into them; of the name `also` even those that go on."""
        gone = [run for run in self.runs if run.empty and (run.status in ("FAILED", "KILLED") or run.name == also)]
        return Experiment([run for run in self.runs if run not in gone], self.models, self.traces, self.tags)


def look(database: Path, artifacts: Path, name: str, addresses: tuple[str, ...] = ()) -> Experiment:
    """Read an experiment; `addresses` of servers are taken for one."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as store:
        found = store.execute("SELECT experiment_id FROM experiments WHERE name = ?", [name]).fetchone()
        if found is None:
            return Experiment([])
        number = found[0]
        rows = store.execute(
            "SELECT run_uuid, name, status, artifact_uri FROM runs WHERE experiment_id = ? ORDER BY start_time",
            [number],
        ).fetchall()
        plain = _Plain({row[0]: row[1] for row in rows}, number, addresses)
        runs = [_run(store, row, artifacts, plain) for row in rows]
        models = store.execute(
            "SELECT metric_name, metric_step, metric_value FROM logged_model_metrics WHERE experiment_id = ?", [number]
        ).fetchall()
        (traces,) = store.execute("SELECT count(*) FROM trace_info WHERE experiment_id = ?", [number]).fetchone()
        tags = store.execute("SELECT key, value FROM experiment_tags WHERE experiment_id = ?", [number]).fetchall()
    runs.sort(key=lambda run: (run.name, json.dumps(run.artifacts, sort_keys=True), run.status))
    return Experiment(runs, sorted(models), traces, {plain(key): "" for key, _ in tags})


class _Plain:
    """Replaces what names one run, one experiment or one server in a text; nothing else."""

    def __init__(self, names: dict[str, str], experiment: int, addresses: tuple[str, ...]) -> None:
        seen: Counter[str] = Counter()
        self.words = {}
        for run, name in names.items():
            seen[name] += 1
            self.words[run] = f"<run {name}>"
        self.words |= dict.fromkeys(addresses, "<server>")
        self.experiment = re.compile(rf"(experiments(?:/|=\[(?:%22|\")|=))({experiment})(?!\d)")
        self.model = re.compile(r"\bm-[0-9a-f]{32}\b")
        # names made of the runs' ids: what is known against a baseline, and the saved view of a comparison
        self.minute = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b")  # when runs began, on the page that compares them
        self.derived = re.compile(r"(?<=compare/)[0-9a-f]{8}|(?<=sharedViewState\.)[0-9a-f]{32}")

    def __call__(self, text: str) -> str:
        for word, plain in self.words.items():
            text = text.replace(word, plain)
        text = self.minute.sub("<minute>", text)
        text = self.derived.sub("<ids>", self.model.sub("<model>", text))
        return self.experiment.sub(r"\1<experiment>", text)


def _run(store: sqlite3.Connection, row: tuple[Any, ...], artifacts: Path, plain: _Plain) -> Held:
    run, name, status, uri = row
    params = store.execute("SELECT key, value FROM params WHERE run_uuid = ?", [run]).fetchall()
    tags = store.execute("SELECT key, value FROM tags WHERE run_uuid = ?", [run]).fetchall()
    metrics = store.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", [run]).fetchall()
    inputs = store.execute(
        "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile"
        " FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id"
        " WHERE i.destination_id = ? AND i.source_type = 'DATASET'",
        [run],
    ).fetchall()
    folder = artifacts.joinpath(*str(uri).rstrip("/").split("/")[-3:])
    return Held(
        name, status, {key: plain(value) for key, value in params},
        {key: plain(value) for key, value in tags if key not in OWN_TAGS},
        sorted((plain(key), step, value) for key, step, value in metrics),
        sorted(tuple(map(str, one)) for one in inputs),
        {plain(path): digest for path, digest in _files(folder, plain).items()},
    )  # fmt: skip


def _files(folder: Path, plain: _Plain) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            with suppress(UnicodeDecodeError):  # a picture or Parquet, which names no run
                content = plain(content.decode("utf-8")).encode()
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()[:12]
    return found


def refreshed(found: Experiment) -> Experiment:
    """Take points of the same value and step for one: a comparison that is made again logs them again."""
    return replace(found, runs=[replace(run, metrics=sorted(set(run.metrics))) for run in found.runs])


def known_from_answers(found: Experiment) -> Experiment:
    """Leave out what only the process that asked the model knew: the time that it took, and the pages that tell it."""

    def known(run: Held) -> Held:
        tags = {key: value for key, value in run.tags.items() if key not in ("mlflow.note.content", TABLES)}
        artifacts = {path: digest for path, digest in run.artifacts.items() if path not in OF_THE_MODEL}
        return replace(run, tags=tags, artifacts=artifacts, metrics=[m for m in run.metrics if not TIMED.match(m[0])])

    models = [metric for metric in found.models if not TIMED.match(metric[0])]
    return replace(found, runs=[known(run) for run in found.runs], models=models)


def differences(twin: Experiment, found: Experiment) -> list[str]:
    """Return in words what is not as in the twin; nothing where they are the same."""
    told = []
    if [run.name for run in twin.runs] != [run.name for run in found.runs]:
        return [f"runs {[run.name for run in found.runs]} instead of {[run.name for run in twin.runs]}"]
    for expected, run in zip(twin.runs, found.runs, strict=True):
        for part in ("status", "params", "tags", "metrics", "inputs", "artifacts"):
            told += [f"run {run.name}, {part}: {word}" for word in _apart(getattr(expected, part), getattr(run, part))]
    for part in ("models", "traces", "tags"):
        told += [f"experiment, {part}: {word}" for word in _apart(getattr(twin, part), getattr(found, part))]
    return told


def _apart(expected: Any, found: Any) -> list[str]:
    if expected == found:
        return []
    if isinstance(expected, dict):
        expected, found = list(expected.items()), list(found.items())
    if not isinstance(expected, list):
        return [f"{found} instead of {expected}"]
    missing, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return [f"{missing.total()} missing {_some(missing)}, {more.total()} too many {_some(more)}"]


def _some(counted: Counter[Any]) -> str:
    return str([str(one)[:160] for one in list(counted)[:4]])
