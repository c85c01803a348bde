"""Every parser of outside content, each with what is done with that which it accepts."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow_evalplus as ep
from mlflow_evalplus.asking.candidates import read_candidates
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.prices import read_prices
from mlflow_evalplus.asking.recorded import read_answers, write_answers
from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
from mlflow_evalplus.core.attribution.keyword_rules import first_matches, load_rules
from mlflow_evalplus.core.collecting.queue_files import jsonl_text, read_queue
from mlflow_evalplus.core.draft import draft
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.core.pattern_search import search_all
from mlflow_evalplus.core.questions.importing import import_file
from mlflow_evalplus.core.questions.reading import question_set, read_questions
from mlflow_evalplus.core.questions.writing import as_rows
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.render.requirements import page, plain
from mlflow_evalplus.requirements import load as load_requirements
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking import evidence_record, record
from mlflow_evalplus.tracking.collecting.logs import read_log
from mlflow_evalplus.tracking.selection.verdict_files import read_preferences, read_verdicts

SEEDS = Path(__file__).with_name("seeds")
TEXTS = ("", "Refund my money!", "退款 please", "a" * 200)


@dataclass(frozen=True)
class Parser:
    """What reads a file, and goes on with what it holds; its seeds lie in a folder of its name."""

    name: str
    run: Callable[[Path], object]
    about: str

    @property
    def seeds(self) -> list[Path]:
        """Small files: valid ones, and each that ever found a defect."""
        return sorted(path for path in (SEEDS / self.name).iterdir() if path.is_file())


def _requirements(path: Path) -> None:
    read = load_requirements(path)
    plain(read)
    page(read)
    assert load_requirements(read.model_dump(by_alias=True, exclude_unset=True)) == read


def _rules(path: Path) -> None:
    rules = load_rules(path)
    first_matches(rules, TEXTS)
    search_all([rule.pattern for rule in rules], TEXTS)


def _questions(path: Path) -> None:
    questions = read_questions(path)
    again = question_set(as_rows(questions.questions))
    assert [question.id for question in again.questions] == [question.id for question in questions.questions]
    for question in questions.questions[:10]:
        for text in (*TEXTS, *question.gold):
            score_answer(question, Answer("model", question.id, text=text))


def _answers(path: Path) -> None:
    answers = read_answers(path, "somebody")
    again = path.with_name("again.jsonl")
    write_answers(again, answers)
    found = read_answers(again)
    assert [(one.question, one.text) for one in found] == [(one.question, one.text) for one in answers]


def _journal(path: Path) -> None:
    copy = shutil.copy(path, path.with_name("journal.jsonl"))
    with Journal(copy) as journal:
        assert journal.n_answers >= 0


def _model_answer(path: Path) -> None:
    """Take the file as what a model answers."""
    text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    for question in read_questions(SEEDS / "questions" / "every_type.jsonl").questions:
        verdict = 0.5 if question.type == "rubric" else math.nan
        score_answer(question, Answer("model", question.id, text=text), verdict=verdict)


def _predictions(path: Path) -> None:
    frame = read_file(path)
    more: dict[str, Any] = {
        "scores": {name: column for name in ("a", "b") if (column := f"score.{name}") in frame},
        "slices": [name for name in ("channel", "text_length") if name in frame or name == "text_length"],
        "text": "text", "cluster": "customer" if "customer" in frame else None,
        "weight": "weight" if "weight" in frame else None,
    }  # fmt: skip
    evaluation = ep.evaluate(frame, "label", **more)
    record.parse(record.dump(evaluation), "the record")


def _data(path: Path) -> None:
    frame = read_file(path)
    ep.check_data(frame, frame.head(3), text="text", label="label", slices=["channel"] if "channel" in frame else [])


def _votes(path: Path) -> None:
    ep.label_quality(read_file(path), ["ann", "bob"])


def _draft(path: Path) -> None:
    draft(read_file(path), label="label", source=path.name)


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _monitored(path: Path) -> None:
    frame = read_file(path)
    scores = {name: column for name in ("a", "b") if (column := f"score.{name}") in frame}
    ep.monitor(frame, time="time", window=10, label="label", text="text", slices=["channel"], scores=scores)


def _collected(path: Path) -> None:
    log = read_log(str(path))
    queue = ep.collect(log.frame, 4, time="time" if "time" in log.frame else None)
    again = read_queue(_written(path.with_name("queue.jsonl"), jsonl_text(queue)))
    assert repr(again.cases) == repr(queue.cases)  # nan is not equal to nan


def _queue(path: Path) -> None:
    queue = read_queue(path)
    jsonl_text(queue)
    _adjudicated(queue, SEEDS / "filled" / "queue.csv")


def _filled(path: Path) -> None:
    _adjudicated(read_queue(SEEDS / "queue" / "queue.jsonl"), path)


def _adjudicated(queue: Any, filled: Path) -> None:
    found = adjudicate(queue, [filled])
    assert len(found.accepted) + len(found.open) == len(queue.cases)
    open_sheet(found)


def _versions(path: Path) -> None:
    folder = path.with_name("training")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SEEDS / "versions" / "folder", folder)
    shutil.copy(path, folder / "versions.jsonl")
    data = ep.TrainingData.open(folder)
    data.verify()
    data.rows()


def _added(path: Path) -> None:
    """Make training data of the file."""
    folder = path.with_name("made")
    shutil.rmtree(folder, ignore_errors=True)
    data = ep.TrainingData.create(folder, read_file(path), text="text", label="label", source="fuzz")
    data.rows()
    assert not data.verify()


def _ab(path: Path) -> None:
    frame = read_file(path)
    ep.ab_test(frame, cluster="customer", slices=["channel"], control="a")


def _ratings(path: Path) -> None:
    ep.ratings(read_file(path), slices=["channel"])


def _record(path: Path) -> None:
    evaluation = record.parse(record.read_text(path, "evaluation.json"), "evaluation.json")
    record.dump(evaluation)


def _evidence(path: Path) -> None:
    evidence_record.dump(evidence_record.parse(record.read_text(path, "evidence.json"), "evidence.json"))


def _rows(path: Path) -> None:
    record.read_rows(path, "predictions.parquet")


def _imported(kind: str) -> Callable[[Path], object]:
    def run(path: Path) -> None:
        found = import_file(path, kind)
        json.dumps(as_rows(found.questions.questions))

    return run


PARSERS = {
    parser.name: parser
    for parser in (
        Parser("requirements", _requirements, "`requirements.yaml`, all sections"),
        Parser("rules", _rules, "keyword rules"),
        Parser("candidates", read_candidates, "`candidates.yaml`"),
        Parser("prices", read_prices, "tables of prices"),
        Parser("questions", _questions, "question sets: JSONL, CSV, TSV"),
        Parser("answers", _answers, "recorded answers: JSONL, CSV"),
        Parser("journal", _journal, "the journal of answers"),
        Parser("model_answer", _model_answer, "a model's answer, by every scorer"),
        Parser("verdicts", read_verdicts, "recorded verdicts"),
        Parser("preferences", read_preferences, "recorded preferences"),
        Parser("import_evalscope", _imported("evalscope"), "files of EvalScope"),
        Parser("import_lm_eval", _imported("lm-eval"), "samples of lm-evaluation-harness"),
        Parser("import_inspect", _imported("inspect"), "logs and datasets of Inspect"),
        Parser("import_table", _imported("csv"), "tables of questions"),
        Parser("predictions", _predictions, "rows with predictions: CSV, TSV, JSONL, Parquet"),
        Parser("data", _data, "data to check"),
        Parser("votes", _votes, "annotators' votes"),
        Parser("draft", _draft, "data that requirements are drafted from"),
        Parser("monitor", _monitored, "production logs, monitored"),
        Parser("collect", _collected, "production logs and inference tables, collected from"),
        Parser("queue", _queue, "`queue.jsonl`"),
        Parser("filled", _filled, "filled and adjudicated sheets"),
        Parser("versions", _versions, "`versions.jsonl` of training data"),
        Parser("training_rows", _added, "rows to train on"),
        Parser("ab", _ab, "events of an A/B test"),
        Parser("ratings", _ratings, "human ratings"),
        Parser("evaluation_json", _record, "`evaluation.json` of a run"),
        Parser("evidence_json", _evidence, "`evidence.json` of a run"),
        Parser("predictions_parquet", _rows, "`predictions.parquet` of a run"),
    )
}
