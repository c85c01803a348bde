"""All trials, some side by side, and the table of what they cost."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.judging import Outcome, run
from tests.faults.scenarios import FAULTS, MAIN, OTHERS, cases
from tests.faults.trial import Case, World

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = (
    "| fault | how it is injected | operations | trials | whole at once | after `resume` | from kept answers "
    "| after the same command | lost | left RUNNING by us | by MLflow |"
)
HOW = ("at once", "resumed", "answers", "again", "lost")


def outcomes(
    folder: Path, every: int, *, workers: int = 2, only: str = "", operations: Collection[str] = (*MAIN, *OTHERS)
) -> Iterator[Outcome]:
    """Try everything; `every` names how many of the numbered requests and writing calls are left out between two."""
    world = World(folder)
    try:
        beside, alone = cases(world, every, operations)
        chosen = [[case for case in some if re.search(only, case.fault)] for some in (beside, alone)]
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(lambda case: _told(world, case), chosen[0])
        for case in chosen[1]:  # they break the server that the others use
            yield _told(world, case)
    finally:
        world.close()


def _told(world: World, case: Case) -> Outcome:
    begin = time.monotonic()
    outcome = run(world, case)
    at = case.step or (case.plan.first if case.plan else "")
    line = f"{case.fault} {at}, {case.operation}: {outcome.how} ({time.monotonic() - begin:.1f} s)"
    print("\n    ".join([line, *outcome.problems]), file=sys.stderr, flush=True)
    return outcome


def table(found: Iterable[Outcome]) -> str:
    """Return the table in Markdown: a row for each fault, counted."""
    met = [outcome for outcome in found if outcome.met]
    rows = [HEAD, "|---|---|" + "---:|" * 9]
    for fault in FAULTS:
        counts = _counts([outcome for outcome in met if outcome.case.fault == fault.name])
        rows.append(f"| {fault.name} | {fault.how} | {' | '.join(map(str, counts))} |")
    return "\n".join([*rows, f"| **all** | | {' | '.join(f'**{n}**' for n in _counts(met))} |"])


def _counts(some: Sequence[Outcome]) -> list[int]:
    how = [sum(outcome.how == one for outcome in some) for one in HOW]
    left = [sum(outcome.running for outcome in some), sum(outcome.theirs for outcome in some)]
    return [len({outcome.case.operation for outcome in some}), len(some), *how, *left]


def bad(found: Iterable[Outcome]) -> list[Outcome]:
    """Return the trials in which something was lost, doubled, left RUNNING or not said."""
    return [outcome for outcome in found if outcome.how == "lost" or outcome.problems or outcome.running]


def written(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page."""
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
