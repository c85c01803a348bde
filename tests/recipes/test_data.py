"""Loading and parting rows: no file is misread silently, no text is on both sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.errors import ColumnNotFound, DataError
from recipes.sentiment import data

ROWS = pd.DataFrame(
    {
        "text": ["None", "NA", "null", "say, \"hi\"", "tab\there", "灵活付, 好用", "two\nlines", "🙂 nan"],
        "label": ["negative", "neutral", "positive", "neutral", "negative", "positive", "neutral", "negative"],
        "channel": ["app", "web", "NA", "app", "None", "web", "app", "web"],
        "stars": [1, 3, 5, 3, 2, 4, 3, 1],
    }
)  # fmt: skip
WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path),
}


def written(frame: pd.DataFrame, path: Path) -> Path:
    WRITERS[path.suffix.lower()](frame, path)
    return path


def normalised(text: str) -> str:
    return " ".join(text.casefold().split())


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.jsonl", "m.parquet", "M.CSV", "M.TSV", "M.JSONL", "M.PARQUET"])
def test_every_format_loads_the_same_rows(tmp_path: Path, name: str) -> None:
    """Messages like 'None' and 'NA' are texts; a comma, a tab or a line break inside a message parts nothing."""
    loaded = data.load(written(ROWS, tmp_path / name))
    assert loaded.to_dict("list") == ROWS.to_dict("list")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    for name in ("m.csv", "m.tsv", "m.jsonl"):
        path = written(ROWS, tmp_path / name)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert data.load(path).to_dict("list") == ROWS.to_dict("list")


def test_a_column_keeps_one_type_however_late_its_first_word_comes(tmp_path: Path) -> None:
    """`datasets` reads a CSV in chunks of 10,000 rows, and takes the types of the first for those of the file."""
    n = 10_050
    late = pd.DataFrame({"text": [f"message {i}" for i in range(n)], "label": ["a", "b"] * (n // 2)})
    late["order"] = [str(i) if i < n - 10 else f"A{i}" for i in range(n)]
    late["remark"] = [None] * (n - 1) + ["seen"]
    loaded = data.load(written(late, tmp_path / "m.csv"))
    assert loaded["order"].tolist() == late["order"].tolist()
    assert loaded["remark"].dropna().to_dict() == {n - 1: "seen"}


def test_an_empty_cell_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('text,label\nfine,a\n,b\n"",c\n', encoding="utf-8")
    assert data.load(path)["text"].isna().tolist() == [False, True, True]


def test_a_comma_that_ends_every_row_shifts_no_column(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,label\nfine,a,\nbad,b,\n", encoding="utf-8")
    assert data.load(path)[["text", "label"]].to_dict("list") == {"text": ["fine", "bad"], "label": ["a", "b"]}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.csv", b"", "is empty"),
        ("m.csv", b"\n", "No columns"),
        ("m.csv", b"text,label\n", "has no rows"),
        ("m.jsonl", b"\n", "has no rows"),
        ("m.csv", b"text,label\nfine,a\nna\xefve,b\n", "line 3 holds the byte 0xef"),
        ("m.csv", "text,label\n很好,a\n".encode("gbk"), "not UTF-8"),
        ("m.csv", b"text,label\na,b\nhi, you, all,b\n", "Expected 2 fields in line 3, saw 4"),
        ("m.csv", b"text,label\nhi, you,b\nno, really,b\n", "Length of header"),
        ("m.csv", b'text,label\n"never closed,b\nfine,a\n', "cannot be read as .csv"),
        ("m.jsonl", b'{"text": "a"\n', "cannot be read as .jsonl"),
        ("m.parquet", b"PAR1 but not really", "cannot be read as .parquet"),
        ("m.xlsx", b"PK", "is not a .csv, .tsv, .jsonl, .parquet file"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.load(path)
    assert name in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    written(ROWS, tmp_path / "tickets.csv")
    with pytest.raises(DataError, match=r"there is no file .*ticket\.csv'\. Did you mean 'tickets\.csv'\?"):
        data.load(tmp_path / "ticket.csv")


def test_what_would_fail_later_is_found_before() -> None:
    def check(frame: pd.DataFrame, **changed: object) -> None:
        wanted = {"text": "text", "label": "label", "labels": ("negative", "neutral", "positive"), "slices": ()}
        data.check(frame, **{**wanted, **changed})  # type: ignore[arg-type]

    check(ROWS, slices=("channel",))
    with pytest.raises(ColumnNotFound, match=r"column 'chanel' is not in the data.*Did you mean 'channel'"):
        check(ROWS, slices=("chanel",))
    with pytest.raises(ColumnNotFound, match="column 'message' is not in the data"):
        check(ROWS, text="message")
    with pytest.raises(DataError, match=r"1 of 8 rows have no 'text' \(rows \[2\], from 0\)"):
        check(ROWS.assign(text=ROWS["text"].where(ROWS.index != 2)))
    with pytest.raises(DataError, match=r"2 of 8 rows have no 'label'"):
        check(ROWS.assign(label=ROWS["label"].where(ROWS.index < 6)))
    with pytest.raises(DataError, match=r"not declared: \['neutral'\]"):
        check(ROWS, labels=("negative", "positive"))


# Few letters, so that texts repeat; capitals and spaces of several kinds, so that they repeat in disguise.
TEXTS = st.text(alphabet="aAbB \t\nİΣσςß的", max_size=4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXTS, st.sampled_from("xyz")), max_size=40), st.floats(0.05, 0.95), st.integers(0, 99))
def test_the_same_text_is_never_on_both_sides_and_no_row_is_lost(
    rows: list[tuple[str, str]], test_size: float, seed: int
) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label"]).assign(row=range(len(rows)))
    try:
        parts = data.split(frame, text="text", label="label", test_size=test_size, seed=seed)
    except DataError:
        distinct = len({normalised(text) for text, _ in rows})
        assert distinct * min(test_size, 1 - test_size) < 4  # a side could not hold all three labels
        return
    train, test = ({normalised(text) for text in part["text"]} for part in (parts.train, parts.test))
    assert train
    assert test
    assert not train & test
    assert sorted([*parts.train["row"], *parts.test["row"]]) == list(range(len(rows)))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(["train", "TRAIN", "test", "Test", "spare"])), min_size=2, max_size=30)
)
def test_a_split_column_is_honoured_but_for_leaked_training_rows(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "split"]).assign(label="x", row=range(len(rows)))
    test = [i for i, (_, side) in enumerate(rows) if side.lower() == "test"]
    seen = {normalised(rows[i][0]) for i in test}
    train = [i for i, (text, side) in enumerate(rows) if side.lower() == "train" and normalised(text) not in seen]
    try:
        parts = data.split(frame, text="text", label="label", column="split")
    except DataError:
        assert not test or not train
        return
    assert parts.test["row"].tolist() == test
    assert parts.train["row"].tolist() == train
    leaked = sum(side.lower() == "train" for _, side in rows) - len(train)
    assert (f"{leaked:,} training rows dropped" in parts.how) == (leaked > 0)


def test_both_sides_hold_the_labels_in_equal_shares() -> None:
    labels = ["common"] * 150 + ["rare"] * 30 + ["rarer"] * 20
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(200)], "label": labels})
    parts = data.split(frame, text="text", label="label", test_size=0.2, seed=3)
    assert parts.test["label"].value_counts().to_dict() == {"common": 30, "rare": 6, "rarer": 4}
    assert parts.how == "random 80% / 20%, stratified by label, seed 3"


def test_a_label_with_one_row_is_parted_without_strata_and_it_is_said() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(20)], "label": ["common"] * 19 + ["once"]})
    parts = data.split(frame, text="text", label="label")
    assert len(parts.train) + len(parts.test) == 20
    assert "stratified" not in parts.how


def test_the_seed_alone_decides_the_split() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(100)], "label": ["a", "b"] * 50})
    sides = [data.split(frame, text="text", label="label", seed=seed).test["text"].tolist() for seed in (1, 1, 2)]
    assert sides[0] == sides[1] != sides[2]


def test_a_split_column_is_found_without_being_named_and_test_goes_before_validation() -> None:
    frame = pd.DataFrame(
        {"text": list("abcdef"), "label": "x", "split": ["train", "train", "val", "val", "test", "dev"]}
    )
    parts = data.split(frame, text="text", label="label")
    assert (parts.train["text"].tolist(), parts.test["text"].tolist()) == (["a", "b"], ["e"])
    parts = data.split(frame[frame["split"] != "test"], text="text", label="label")
    assert (parts.train["text"].tolist(), parts.test["text"].tolist()) == (["a", "b"], ["c", "d"])
    assert parts.how == "column 'split': 2 train, 2 val"


def test_a_column_that_names_only_one_side_is_no_split() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(50)], "label": ["a", "b"] * 25, "split": "train"})
    assert len(data.split(frame, text="text", label="label").test) == 10
    with pytest.raises(DataError, match=r"split column 'split' holds \['train'\]; it must name a training part"):
        data.split(frame, text="text", label="label", column="split")
    with pytest.raises(ColumnNotFound, match="column 'fold' is not in the data"):
        data.split(frame, text="text", label="label", column="fold")


def test_too_few_rows_are_refused_in_words() -> None:
    few = pd.DataFrame({"text": ["Same", "same ", "SAME"], "label": ["a", "b", "a"]})
    with pytest.raises(DataError, match="1 different texts cannot be parted 80% / 20%"):
        data.split(few, text="text", label="label")
    everything_leaks = pd.DataFrame({"text": ["Same", "same "], "label": "a", "split": ["train", "test"]})
    with pytest.raises(DataError, match="every training text of split column 'split' is also in its test part"):
        data.split(everything_leaks, text="text", label="label")
