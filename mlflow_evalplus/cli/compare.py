"""`mlflow-evalplus compare`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, experiment_option, json_option, print_json, write_text


@click.command(
    epilog=epilog(
        "mlflow-evalplus compare                          # the newest series",
        "mlflow-evalplus compare words words_chars --baseline majority",
        "mlflow-evalplus compare --experiment sentiment --json",
    )
)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@experiment_option
@click.option("--baseline", metavar="RUN", help="Run to compare against; the first by default.")
@click.option("--shared", is_flag=True, help="Compare on the shared examples where test sets differ.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Also write Markdown.")
@json_option
def command(
    runs: tuple[str, ...],
    experiment: str | None,
    baseline: str | None,
    shared: bool,
    output: str | None,
    as_json: bool,
) -> None:
    """Compare runs, given by id or name, row by row; without any, the newest series.

    Differences are paired, against the baseline, with 95 % intervals.
    """
    from dataclasses import asdict

    from mlflow_evalplus.render import difference
    from mlflow_evalplus.render.comparison import terminal
    from mlflow_evalplus.tracking.reader import find_runs
    from mlflow_evalplus.tracking.series import compare_runs

    base = find_runs([baseline], experiment)[0] if baseline else None
    series = compare_runs(find_runs(runs, experiment), baseline=base, shared_only=shared)
    if output:
        write_text(output, series.page)
    if as_json:
        print_json({
            "winner": series.winner, "reason": series.reason, "baseline": series.baseline,
            "difference": asdict(series.difference) if series.difference else None,
            "runs": {name: {"run_id": run.info.run_id, "verdict": series.evaluations[name].verdict.outcome.value,
                            "metrics": {k: asdict(e) for k, e in series.evaluations[name].metrics.items()},
                            "comparison": asdict(series.comparisons[name]) if name in series.comparisons else None}
                     for name, run in series.runs.items()},
        })  # fmt: skip
        return
    screen = console()
    screen.print(terminal(series.rows, series.winner))
    screen.print(series.reason)
    if series.difference:
        screen.print(difference.terminal(series.difference))
