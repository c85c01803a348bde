"""Files and saved folders: nothing is misread silently, and what is wrong is told in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError
from recipes.data import sources
from tests.generated import inputs
from tests.recipes.data.hub_server import FEATURES

datasets.disable_progress_bars()
ROWS = pd.DataFrame(
    {
        "text": ["None", "NA", "null", "say, \"hi\"", "tab\there", "灵活付, 好用", "two\nlines", "🙂 nan"],
        "label": ["negative", "neutral", "positive", "neutral", "negative", "positive", "neutral", "negative"],
        "channel": ["app", "web", "NA", "app", "None", "web", "app", "web"],
        "stars": [1, 3, 5, 3, 2, 4, 3, 1],
    }
)  # fmt: skip


def write_stream(frame: pd.DataFrame, path: Path) -> None:
    """Write an Arrow stream, which is what `datasets` writes."""
    table = pa.Table.from_pandas(frame)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".json": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".feather": lambda frame, path: frame.to_feather(path),
    ".arrow": write_stream,
}
NAMES = [f"m{kind}" for kind in WRITERS] + [f"M{kind.upper()}" for kind in WRITERS] + ["rows [1]*?.csv"]


def written(frame: pd.DataFrame, path: Path) -> Path:
    WRITERS[path.suffix.lower()](frame, path)
    return path


def load(path: Path) -> pd.DataFrame:
    return sources.load(path).frame


@pytest.mark.parametrize("name", NAMES)
def test_every_format_loads_the_same_rows(tmp_path: Path, name: str) -> None:
    """Messages like 'None' and 'NA' are texts; a comma, a tab or a line break inside a message parts nothing."""
    loaded = load(written(ROWS, tmp_path / name))
    assert loaded.to_dict("list") == ROWS.to_dict("list")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    for name in ("m.csv", "m.tsv", "m.jsonl"):
        path = written(ROWS, tmp_path / name)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert load(path).to_dict("list") == ROWS.to_dict("list")


def test_a_column_keeps_one_type_however_late_its_first_word_comes(tmp_path: Path) -> None:
    """`datasets` reads a CSV in chunks of 10,000 rows, and takes the types of the first for those of the file."""
    n = 10_050
    late = pd.DataFrame({"text": [f"message {i}" for i in range(n)], "label": ["a", "b"] * (n // 2)})
    late["order"] = [str(i) if i < n - 10 else f"A{i}" for i in range(n)]
    late["remark"] = [None] * (n - 1) + ["seen"]
    loaded = load(written(late, tmp_path / "m.csv"))
    assert loaded["order"].tolist() == late["order"].tolist()
    assert loaded["remark"].dropna().to_dict() == {n - 1: "seen"}


def test_an_empty_cell_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('text,label\nfine,a\n,b\n"",c\n', encoding="utf-8")
    assert load(path)["text"].isna().tolist() == [False, True, True]


def test_a_comma_that_ends_every_row_shifts_no_column(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,label\nfine,a,\nbad,b,\n", encoding="utf-8")
    assert load(path)[["text", "label"]].to_dict("list") == {"text": ["fine", "bad"], "label": ["a", "b"]}


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
        ("m.xlsx", b"PK", "is not a .csv, .tsv, .jsonl, .json, .parquet, .arrow, .feather file"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load(path)
    assert name in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    written(ROWS, tmp_path / "tickets.csv")
    with pytest.raises(DataError, match=r"there is no file .*ticket\.csv'\. Did you mean 'tickets\.csv'\?"):
        load(tmp_path / "ticket.csv")


# Any text that UTF-8 can hold; a lone surrogate it cannot. CSV readers take a bare carriage return for a line's end.
HOSTILE = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20)
CELLS = st.one_of(HOSTILE, st.sampled_from(["</script><script>", "\u202egnp", "🙂", "x" * 100_000, "NaN", "1", "=1+1"]))


@settings(deadline=None, max_examples=inputs(25))
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    st.sampled_from([".jsonl", ".parquet", ".feather", ".arrow"]),
)
def test_hostile_texts_come_back_as_they_are(rows: list[tuple[str, str]], kind: str) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label </script>"]).astype(str)
    with TemporaryDirectory() as folder:
        loaded = load(written(frame, Path(folder) / f"rows{kind}"))
    assert loaded.to_dict("list") == frame.to_dict("list")


def test_a_file_that_was_rewritten_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    for text in ("one", "two"):  # of one size, within one tick of the clock
        path.write_text(f"text,label\n{text},a\n", encoding="utf-8")
        assert load(path)["text"].tolist() == [text]


def test_categories_and_missing_cells_of_an_arrow_file_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", None, "c"], "label": pd.Categorical(["x", "y", "x"])})
    for kind in (".feather", ".arrow", ".parquet"):
        loaded = load(written(frame, tmp_path / f"rows{kind}"))
        assert loaded["label"].tolist() == ["x", "y", "x"]
        assert loaded["text"].isna().tolist() == [False, True, False]


def labelled(*texts: str) -> datasets.Dataset:
    labels = [0, 1, -1][: len(texts)]
    return datasets.Dataset.from_dict({"text": list(texts), "label": labels}, features=FEATURES)


def test_a_saved_folder_gives_names_of_classes_and_a_hidden_label_is_missing(tmp_path: Path) -> None:
    labelled("a", "b", "c").save_to_disk(str(tmp_path / "saved"))
    (arrow,) = (tmp_path / "saved").glob("*.arrow")
    labelled("a", "b", "c").to_parquet(str(tmp_path / "rows.parquet"))
    for path in (tmp_path / "saved", arrow, tmp_path / "rows.parquet"):
        loaded = load(path)
        assert loaded["label"].fillna("?").tolist() == ["bad", "good", "?"]
        assert list(loaded.columns) == ["text", "label"]


def test_the_splits_of_a_saved_folder_are_a_column(tmp_path: Path) -> None:
    parts = datasets.DatasetDict({"train": labelled("a", "b"), "validation": labelled("c")})
    parts.save_to_disk(str(tmp_path / "saved"))
    found = sources.load(tmp_path / "saved")
    assert found.frame.to_dict("list") == {
        "text": ["a", "b", "c"], "label": ["bad", "good", "bad"], "split": ["train", "train", "validation"],
    }  # fmt: skip
    assert (found.source.name, found.source.kind) == ("saved", "local")
    assert found.source.fields == {"uri": str(tmp_path / "saved")}


def test_training_data_load_as_the_newest_or_a_named_version_has_them(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    first = pd.DataFrame({"text": ["late", "fine"], "label": ["bad", "good"], "channel": ["app", "web"]})
    data = TrainingData.create(folder, first, text="text", label="label", source="first.csv")
    held = pd.DataFrame({"text": ["so slow", *"abcdefgh"], "label": "bad"})
    data.add(held, source="july.csv", held_out=0.4, seed=2)
    newest = sources.load(folder)
    assert newest.frame["text"].tolist() == data.rows()["text"].tolist() != data.rows(part="all")["text"].tolist()
    assert list(newest.frame.columns) == ["text", "label", "channel"]
    assert (newest.source.name, newest.source.reference) == ("training@2", f"{folder}@2")
    assert data.newest.digest in newest.source.note
    again = sources.load(f"{folder}@1")
    assert again.frame.to_dict("list") == first.to_dict("list")
    assert sources.load(newest.source.fields["uri"]).source == newest.source
    assert sources.load(again.source.fields["uri"]).frame.equals(again.frame)
    with pytest.raises(DataError, match=r"there is no version 9 in .*training'; versions are 1 to 2"):
        load(tmp_path / "training@9")
    with pytest.raises(DataError, match="there is no file"):
        load(tmp_path / "other@1")
    (tmp_path / "rows@2").mkdir()
    with pytest.raises(DataError, match="save_to_disk did not write"):
        load(tmp_path / "rows@2")


def test_a_folder_that_is_none_of_ours_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty' is a folder that save_to_disk did not write; it holds no \.csv"):
        load(tmp_path / "empty")
    labelled("a").save_to_disk(str(tmp_path / "saved"))
    written(ROWS, tmp_path / "rows.csv")
    with pytest.raises(DataError, match=r"name one of its data files: \['rows\.csv', 'saved'\]"):
        load(tmp_path)
    (tmp_path / "saved" / "dataset_info.json").unlink()
    with pytest.raises(DataError, match="saved' cannot be read: "):
        load(tmp_path / "saved")
