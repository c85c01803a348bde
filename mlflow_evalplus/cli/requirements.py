"""`mlflow-evalplus requirements`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import check_folder, console, epilog, json_option, print_json, write_text


@click.command(
    epilog=epilog(
        "mlflow-evalplus requirements",
        "mlflow-evalplus requirements mine.yaml --markdown",
        "mlflow-evalplus requirements mine.yaml --output requirements.md",
    )
)
@click.argument("path", default="requirements.yaml", metavar="[FILE]")
@click.option("--markdown", is_flag=True, help="Print the page for the engineering team, in Markdown.")
@click.option("--output", metavar="FILE", help="Write that page to a file.")
@json_option
def command(path: str, markdown: bool, output: str | None, as_json: bool) -> None:
    """Check FILE, by default requirements.yaml, and show what it asks and how many labelled examples that takes.

    Every mistake in the file is named with its line.
    """
    from mlflow_evalplus.render import requirements as pages
    from mlflow_evalplus.requirements import load

    check_folder(output)
    wanted = load(path)
    if output:
        write_text(output, pages.page(wanted))
        click.echo(f"The page: {output}", err=True)
    if as_json:
        print_json(pages.plain(wanted))
    elif markdown:
        click.echo(pages.page(wanted), nl=False)
    else:
        screen = console()
        for part in pages.terminal(wanted):
            screen.print(part)
