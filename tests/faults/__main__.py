"""``python -m tests.faults --write docs/reliability.md``: meet every fault, count, rewrite the table of the page.

Exits with 1 where anything was lost, doubled, left RUNNING, or not said.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.faults.campaign import bad, outcomes, table, written


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Meet every fault and count.")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Rewrite the table between the marks of this page.")
    parser.add_argument("--every", type=int, default=1, help="Of the numbered requests and writes each how many-th.")
    parser.add_argument("--only", default="", help="Only faults whose name matches this regular expression.")
    parser.add_argument("--operations", help="Only these, with ; between.")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end too
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        options = {"operations": asked.operations.split(";")} if asked.operations else {}
        found = list(outcomes(Path(folder), asked.every, workers=asked.workers, only=asked.only, **options))
    print(table(found))
    if asked.write:
        written(asked.write, table(found))
    wrong = bad(found)
    print(f"{len(found)} trials, {len(wrong)} with something lost, doubled, left RUNNING or not said", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
