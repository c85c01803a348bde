"""The open cases as a CSV file for whoever decides them."""

from __future__ import annotations

import csv
import io

from mlflow_evalplus.core.adjudicating.layout import CASE_ID, NOTE, TEXT
from mlflow_evalplus.core.collecting.queue_files import shown
from mlflow_evalplus.results.adjudication import Adjudication


def open_sheet(found: Adjudication, adjudicated: str = "adjudicated") -> str:
    """Return the CSV of the open cases: as the queue's, with the votes and notes that there are.

    It opens with a byte order mark, and no cell is a formula. Filled in, it is given beside the files before it: votes
    that stand in both count once.

    Parameters
    ----------
    found : Adjudication
    adjudicated : str
        Column of decisions, left blank.
    """
    sliced = list(dict.fromkeys(name for case in found.open for name in case.slices or {}))
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    headers = (*found.annotators, adjudicated, NOTE, *(f"slice.{name}" for name in sliced))
    writer.writerow([CASE_ID, TEXT, *map(shown, headers)])
    for case in found.open:
        votes = [case.votes.get(name, "") for name in found.annotators]
        context = [(case.slices or {}).get(name, "") for name in sliced]
        writer.writerow(map(shown, [case.case_id, case.text, *votes, "", case.note, *context]))
    return "\ufeff" + out.getvalue()
