"""`mlflow-evalplus rules`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, experiment_option, json_option, print_json


@click.command(
    epilog=epilog(
        "mlflow-evalplus rules words rules.yaml",
        "mlflow-evalplus rules 3f2a… new_rules.yaml --texts 3",
        "mlflow-evalplus rules words rules.yaml --json",
    )
)
@click.argument("run", metavar="RUN")
@click.argument("rules", metavar="FILE")
@experiment_option
@click.option(
    "--texts", default=0, metavar="N", type=click.IntRange(0, 20),
    help="Show so many of the texts that each rule fixed and broke, at most 20.",
)  # fmt: skip
@json_option
def command(run: str, rules: str, experiment: str | None, texts: int, as_json: bool) -> None:
    """Show what keyword rules would do on top of a run; the model is not asked again.

    FILE is a YAML list of {pattern: …, label: …, weight: …}. They stand on the run's scores before the rules that its
    model has, if it has any. Nothing is logged.
    """
    from dataclasses import asdict

    from mlflow_evalplus.core.rule_effects import rule_effects
    from mlflow_evalplus.render import terminal
    from mlflow_evalplus.tracking.reader import described, find_runs, load

    found = find_runs([run], experiment)[0]
    evaluation = load(found.info.run_id)
    effects = rule_effects(evaluation, rules)
    if as_json:
        print_json({"run_id": found.info.run_id, "run": found.info.run_name, **asdict(effects)})
        return
    screen = console()
    screen.print(f"{described(found)}, {effects.n:,} examples", markup=False)
    for part in terminal.rules(effects):
        screen.print(part)
    if texts:
        rows = evaluation.predictions.with_ids().table
        known = dict(zip(rows["example_id"].to_pylist(), rows["text"].to_pylist(), strict=True))
        screen.print(terminal.rule_texts(effects, known, texts))
