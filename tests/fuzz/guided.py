"""`python -m tests.fuzz.guided PARSER --seconds 300`: inputs made by what they reach in the code, with atheris.

Atheris is no package of the tests (`pip install atheris`); a process searches one parser. What is unexpected is told
and written into a folder, and the search goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp

import click

from tests.fuzz.mutations import WORDS

LONGEST = 20_000  # bytes of an input


@click.command()
@click.argument("name", metavar="PARSER")
@click.option("--seconds", default=300, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), default=Path("found"), show_default=True)
def main(name: str, seconds: int, keep: Path) -> None:
    """Search one parser for so long; the first byte of an input says which suffix the file has."""
    import atheris

    with atheris.instrument_imports(include=["mlflow_evalplus", "yaml", "json", "csv"]):
        from tests.fuzz.parsers import PARSERS
        from tests.fuzz.running import ACCEPTED, REFUSED, outcome

    if name not in PARSERS:
        raise click.UsageError(f"there is no parser {name!r}; there are {', '.join(PARSERS)}")
    parser = PARSERS[name]
    suffixes = sorted({path.suffix for path in parser.seeds})
    work = Path(mkdtemp(prefix="atheris-"))
    corpus, dictionary = work / "corpus", work / "words"
    corpus.mkdir()
    for number, path in enumerate(parser.seeds):
        (corpus / str(number)).write_bytes(bytes([suffixes.index(path.suffix)]) + path.read_bytes())
    coded = ["".join(map("\\x{:02x}".format, word[:64])) for word in WORDS]
    dictionary.write_text("\n".join(f'"{word}"' for word in coded), encoding="ascii")
    known = {ACCEPTED, REFUSED}

    def one_input(data: bytes) -> None:
        suffix = suffixes[data[0] % len(suffixes)] if data else suffixes[0]
        found = outcome(parser, suffix, data[1:])
        if found not in known:
            known.add(found)
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name}_{len(known)}{suffix}").write_bytes(data[1:])
            click.echo(f"{name}: {found}", err=True)

    options = {"max_total_time": seconds, "max_len": LONGEST, "timeout": 0, "verbosity": 0, "print_final_stats": 1}
    words = [f"-{option}={value}" for option, value in {**options, "dict": dictionary}.items()]
    atheris.Setup([sys.argv[0], *words, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
