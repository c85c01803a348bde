"""Rows of which nobody knows to whom they belong, such as cases of a queue among the messages of known customers."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mlflow_evalplus.core.columns import as_labels


def filled(frame: pd.DataFrame, cluster: str | None, say: Callable[[str], None], *, of: str = "") -> pd.DataFrame:
    """Return the rows with a value of its own in the cluster column for each row that has none, and say how many.

    Without the column, or with all values there, the frame is returned as it is.

    Parameters
    ----------
    frame : pandas.DataFrame
    cluster : str or None
        The requirements' column.
    say : callable
        Is told in one line.
    of : str
        What the rows are, where several frames are filled: no two of them then share a value.

    Examples
    --------
    >>> rows = pd.DataFrame({"customer_id": [7.0, None, None]})
    >>> filled(rows, "customer_id", print)["customer_id"].tolist()
    2 of 3 rows have no value in the cluster column 'customer_id': each counts as one of its own.
    ['7', '(row 1)', '(row 2)']
    """
    if cluster is None or cluster not in frame:
        return frame
    values = as_labels(frame, cluster)
    n = sum(not (value or "").strip() for value in values)
    if not n:
        return frame
    what = f"{of} row" if of else "row"
    some = f"{n:,} of {len(frame):,} {what}s"
    say(f"{some} have no value in the cluster column {cluster!r}: each counts as one of its own.")
    own = [value if (value or "").strip() else f"({what} {place})" for place, value in enumerate(values)]
    return frame.assign(**{cluster: own})
