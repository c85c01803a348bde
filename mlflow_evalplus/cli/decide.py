"""`mlflow-evalplus decide`."""

from __future__ import annotations

import sys

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    console,
    epilog,
    experiment_option,
    json_option,
    print_json,
    requirements_option,
)
from mlflow_evalplus.names import TAG_BASELINE_RUN


@click.command(
    epilog=epilog(
        "mlflow-evalplus decide words_rules",
        "mlflow-evalplus decide 3f2a… --requirements stricter.yaml --baseline words",
    )
)
@click.argument("run", required=False, metavar="[RUN]")
@experiment_option
@requirements_option
@click.option("--baseline", metavar="RUN", help="Run to be not worse than; by default the series'.")
@json_option
def command(
    run: str | None,
    experiment: str | None,
    requirements_file: str | None,
    baseline: str | None,
    as_json: bool,
) -> None:
    """Hold a run against requirements; without RUN, the winner of the newest series.

    Exit code 0: pass, 3: fail, 4: undecided, 1: error.
    """
    from dataclasses import asdict

    from mlflow_evalplus.core.comparison import compare_evaluations
    from mlflow_evalplus.core.decision import decide
    from mlflow_evalplus.core.evaluation import evaluate_again
    from mlflow_evalplus.render.terminal import verdict as table
    from mlflow_evalplus.requirements import load as load_requirements
    from mlflow_evalplus.tracking.reader import find_runs, load
    from mlflow_evalplus.tracking.series import compare_runs

    wanted = load_requirements(requirements_file) if requirements_file else None
    if run:
        found = find_runs([run], experiment)[0]
    else:
        series = compare_runs(find_runs((), experiment))
        found = series.runs[series.winner]
    evaluation = load(found.info.run_id)
    if wanted:
        evaluation = evaluate_again(evaluation, wanted)
    base = baseline or found.data.tags.get(TAG_BASELINE_RUN)
    other = find_runs([base], experiment)[0] if base else found
    comparison = None
    if other.info.run_id != found.info.run_id:
        both = (found.info.run_name, other.info.run_name)
        comparison = compare_evaluations(evaluation, load(other.info.run_id), names=both)
    verdict = decide(evaluation, comparison=comparison)
    if as_json:
        print_json({"run_id": found.info.run_id, "run": found.info.run_name, **asdict(verdict)})
    else:
        screen = console()
        screen.print(table(verdict))
        screen.print(f"{found.info.run_name} ({found.info.run_id}): {verdict.sentence}", markup=False)
        for note in verdict.notes:
            screen.print(note, style="yellow", markup=False)
    sys.exit(EXIT_CODES[verdict.outcome.value])
