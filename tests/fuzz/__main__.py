"""`python -m tests.fuzz`: every parser is given hostile input; a table says what came of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.fuzz.parsers import PARSERS
from tests.fuzz.running import ACCEPTED, REFUSED, Tally, fuzz

MARKS = ("<!-- fuzz: begin -->", "<!-- fuzz: end -->")
HEAD = "| parser | what it reads | inputs | accepted | refused | unexpected | seconds |\n|---|---|--:|--:|--:|--:|--:|"


@click.command()
@click.option("--parser", "names", multiple=True, type=click.Choice(list(PARSERS)), help="Only this one.")
@click.option("--n", default=10_000, show_default=True, help="Inputs of each parser.")
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the inputs with an unexpected outcome.")
@click.option(
    "--write", type=click.Path(path_type=Path, exists=True), help="Page in whose table the rows are replaced."
)
def main(names: tuple[str, ...], n: int, seed: int, keep: Path | None, write: Path | None) -> None:
    """Give parsers `n` hostile inputs each; exit with 1 where anything unexpected came of one."""
    failed = False
    for name in names or PARSERS:
        tally = fuzz(PARSERS[name], n, seed)
        failed |= bool(tally.unexpected)
        click.echo(row(tally))
        for number, (found, (suffix, content)) in enumerate(tally.unexpected.items()):
            click.echo(f"    {found}", err=True)
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}_{number}{suffix}").write_bytes(content)
        if write:
            renew(write, tally)
    sys.exit(failed)


def row(tally: Tally) -> str:
    """Return the row of a parser."""
    counted = [f"{n:,}" for n in (tally.n, *(tally.counts[key] for key in (ACCEPTED, REFUSED, "unexpected")))]
    return f"| `{tally.parser}` | {' | '.join((PARSERS[tally.parser].about, *counted))} | {tally.seconds:.0f} |"


def renew(page: Path, tally: Tally) -> None:
    """Put a parser's row into the table of a page, in the order of `PARSERS`."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    old, _, after = rest.partition(MARKS[1])
    rows = {line.split("`")[1]: line for line in old.splitlines() if line.startswith("| `")}
    rows[tally.parser] = row(tally)
    table = "\n".join([HEAD, *(rows[name] for name in PARSERS if name in rows)])
    page.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", encoding="utf-8")


main()
