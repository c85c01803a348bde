"""`mlflow-evalplus questions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlflow_evalplus.cli.options import check_folder, console, epilog, json_option, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from mlflow_evalplus.core.questions.importing import Imported
    from mlflow_evalplus.core.questions.summary import QuestionCounts

KINDS = ("csv", "evalscope", "inspect", "lm-eval")
MAX_TWICE = 5


@click.command(
    epilog=epilog(
        "mlflow-evalplus questions questions.jsonl",
        "mlflow-evalplus questions questions.csv --output questions.jsonl",
        "mlflow-evalplus questions outputs/20260826_101500 --from evalscope --output questions.jsonl "
        "--answers answers.jsonl",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--from", "kind", type=click.Choice(KINDS), help="Whose file it is; a folder is taken too.  "
              "[default: our own, JSONL or CSV]")  # fmt: skip
@click.option("--output", metavar="FILE", help="Write the questions as JSONL.")
@click.option("--answers", metavar="FILE", help="With --from: write the models' answers in it as JSONL.")
@json_option
def command(files: tuple[str, ...], kind: str | None, output: str | None, answers: str | None, as_json: bool) -> None:
    """Check the questions in FILE, and count them by dimension, type and language; or bring them in from another tool.

    Several files are taken as one set. Exit code 0 where all is well, 1 where there are mistakes; each is named with
    its line.
    """
    from mlflow_evalplus.core.questions.summary import count
    from mlflow_evalplus.core.questions.writing import write_questions

    if answers and not kind:
        raise click.UsageError("--answers goes with --from: our own question files hold no answers")
    check_folder(output)
    check_folder(answers)
    found = _found(files, kind)
    counts = count(found.questions)
    if output:
        write_questions(found.questions, output)
    if answers:
        _write_answers(found, answers)
    if as_json:
        _print_json(found, counts)
    else:
        _print(found, counts)


def _found(files: tuple[str, ...], kind: str | None) -> Imported:
    from mlflow_evalplus.core.questions.importing import Imported, import_files
    from mlflow_evalplus.core.questions.reading import read_questions

    return import_files(files, kind) if kind else Imported(read_questions(*files), {})


def _write_answers(found: Imported, path: str) -> None:
    from mlflow_evalplus.asking.recorded import write_answers
    from mlflow_evalplus.errors import EvalPlusError

    if not found.answers:
        raise EvalPlusError(f"no answers to write to {path!r}: {found.questions.source} holds no model's outputs")
    write_answers(path, [answer for answers in found.answers.values() for answer in answers])


def _print(found: Imported, counts: QuestionCounts) -> None:
    from mlflow_evalplus.core.data.phrases import several

    screen = console()
    screen.print(_table(counts))
    said = [several(counts.n, "question"), several(counts.n_clusters, "cluster")]
    if counts.n_twins:
        said.insert(1, f"{several(counts.n_twins, 'pair')} of twins")
    screen.print(f"{', '.join(said)}; digest {found.questions.digest}")
    for candidate, answers in found.answers.items():
        failed = sum(not answer.answered for answer in answers)
        errors = f", {failed:,} of them errors" if failed else ""
        screen.print(f"{candidate}: {several(len(answers), 'answer')}{errors}", markup=False)
    for ids in counts.asked_twice[:MAX_TWICE]:
        screen.print(f"Asked in the same words: {', '.join(ids)}; give them one 'cluster', or leave one out.",
                     markup=False)  # fmt: skip
    if len(counts.asked_twice) > MAX_TWICE:
        screen.print(f"… and {len(counts.asked_twice) - MAX_TWICE:,} more such.")
    for note in found.notes:
        screen.print(f"Note: {note}", markup=False)


def _table(counts: QuestionCounts) -> Table:
    """Return one row per dimension and type, one column per language."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    languages = list(dict.fromkeys(language for _, _, language in counts.of))
    table = Table("dimension", "type", box=box.SIMPLE_HEAD)
    for name in (*(language or "no language" for language in languages if len(languages) > 1), "questions"):
        table.add_column(Text(name), justify="right")
    for dimension, kind in dict.fromkeys((dimension, kind) for dimension, kind, _ in counts.of):
        found = [counts.of.get((dimension, kind, language), 0) for language in languages]
        cells = [*(found if len(languages) > 1 else []), sum(found)]
        table.add_row(Text(dimension), Text(kind), *(f"{n:,}" if n else "" for n in cells))
    return table


def _print_json(found: Imported, counts: QuestionCounts) -> None:
    print_json({
        "source": found.questions.source, "digest": found.questions.digest, "n": counts.n, "n_twins": counts.n_twins,
        "n_clusters": counts.n_clusters,
        "counts": [
            {"dimension": dimension, "type": kind, "language": language, "n": n}
            for (dimension, kind, language), n in counts.of.items()
        ],
        "asked_twice": counts.asked_twice,
        "answers": {candidate: len(answers) for candidate, answers in found.answers.items()},
        "notes": found.notes,
    })  # fmt: skip
