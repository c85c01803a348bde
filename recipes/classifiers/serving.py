"""The MLflow model of every candidate, logged as code beside the folder of its files; it needs nothing of ours.

A fitted model is a folder with a ``model.json`` that names its kind; one of several models is a folder of such folders.
No pickle: pipelines are read by skops, which refuses types that it does not trust, networks from safetensors.
"""

import json
import os
import re
import time
from functools import lru_cache
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

LEAST = 1e-12  # a probability of 0 is taken as this before rules and temperature move it
BATCH = 32  # texts that a network answers at once
CHUNK = 8192  # texts that are sorted by length together


def load(folder, root=None):
    """Return the model in a folder: ``.labels``, and ``.scores(texts, values)`` as an array [texts, labels].

    `values` are those of the column by which a model of several chooses, None where it is not known.
    """
    folder = Path(folder)
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return KINDS[content["kind"]](folder, content, Path(root or folder))


class Linear:
    """A scikit-learn pipeline over texts."""

    def __init__(self, folder, content, root):
        import skops.io

        self.labels = content["labels"]
        self.pipeline = skops.io.load(folder / "pipeline.skops")

    def scores(self, texts, values=None):
        """Return the probabilities of each text."""
        return np.asarray(self.pipeline.predict_proba(texts), dtype=np.float64)


class Scenario:
    """One model for each value of a column, and one of all rows for the values that have none."""

    def __init__(self, folder, content, root):
        self.labels, self.column = content["labels"], content["column"]
        self.fallback = load(folder / content["fallback"], root)
        self.models = {value: load(folder / place, root) for value, place in content["values"].items()}

    def scores(self, texts, values=None):
        """Return the probabilities of each text, by the model of its value."""
        found = np.zeros((len(texts), len(self.labels)))
        for model, rows in self._parted([None] * len(texts) if values is None else values):
            places = [self.labels.index(label) for label in model.labels]
            found[np.ix_(rows, places)] = model.scores([texts[row] for row in rows])
        return found

    def _parted(self, values):
        rows = {}
        for row, value in enumerate(values):
            rows.setdefault(value if value in self.models else None, []).append(row)
        return [(self.models.get(value, self.fallback), places) for value, places in rows.items()]


class Transformer:
    """A fine-tuned network with a classifier on top."""

    def __init__(self, folder, content, root):
        from transformers import AutoModelForSequenceClassification

        self.labels = content["labels"]
        self.network = Network(folder, AutoModelForSequenceClassification, content["max_length"])

    def scores(self, texts, values=None):
        """Return the probabilities of each text."""
        logits = self.network.answers(texts, lambda output, mask: output.logits)
        return softmax(logits.reshape(len(texts), len(self.labels)))


class Embedding:
    """A logistic regression over the embeddings of a network, which the models of one tree share."""

    def __init__(self, folder, content, root):
        self.labels = content["labels"]
        self.encoder = encoder(str(root / content["encoder"]), content["max_length"])
        with np.load(folder / "head.npz", allow_pickle=False) as head:
            self.weights, self.intercept = head["weights"], head["intercept"]

    def scores(self, texts, values=None):
        """Return the probabilities of each text."""
        vectors = embed(self.encoder, texts).reshape(len(texts), self.weights.shape[1])
        return softmax(vectors @ self.weights.T + self.intercept)


@lru_cache(maxsize=4)
def encoder(folder, max_length):
    """Return the network in a folder, once for all that use it."""
    from transformers import AutoModel

    return Network(folder, AutoModel, max_length)


def embed(network, texts):
    """Return the mean of each text's token vectors, of length 1: float64 [texts, dimensions]."""

    def mean(output, mask):
        weights = mask.unsqueeze(-1).to(output.last_hidden_state.dtype)
        total = (output.last_hidden_state * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return total / total.norm(dim=1, keepdim=True).clamp(min=LEAST)

    return network.answers(texts, mean)


class Network:
    """A network of transformers with its tokenizer, read from a folder and nowhere else.

    Texts are answered in batches of like length. The same texts in the same order give the same bits on a CPU,
    whatever its number of threads; in another order the last bits may differ.
    """

    def __init__(self, folder, kind, max_length):
        before = core_seconds()
        import torch
        import transformers

        log = transformers.utils.logging
        level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
        log.set_verbosity_error()
        log.disable_progress_bar()
        try:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            self.model = kind.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
            ).eval()
        finally:
            log.set_verbosity(level)
            if bars:
                log.enable_progress_bar()
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.max_length = longest(max_length, self.tokenizer, self.model.config)
        self.cuda = torch.cuda.is_available()
        self.bf16 = self.cuda and torch.cuda.is_bf16_supported()
        self.model.to("cuda" if self.cuda else "cpu")
        self.threads = free_cores(before, core_seconds())

    def answers(self, texts, take):
        """Return what `take` makes of the output for each text, as float64 [texts, …]."""
        import torch

        found = [np.zeros((0, 0))]
        threads = torch.get_num_threads()
        torch.set_num_threads(min(threads, self.threads))
        try:
            with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=self.bf16):
                for start in range(0, len(texts), CHUNK):
                    found.append(self._chunk(texts[start : start + CHUNK], take))
        finally:
            torch.set_num_threads(threads)
        return np.concatenate(found[1:]) if len(found) > 1 else found[0]

    @staticmethod
    def tokens(tokenizer, texts, max_length):
        """Return the tokens of each text; a text without any has the one that ends a text, as a network needs one."""
        found = tokenizer(valid(texts), truncation=True, max_length=max_length)
        end = tokenizer.pad_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
        single = {"input_ids": end, "attention_mask": 1}
        for place in [place for place, row in enumerate(found["input_ids"]) if not row]:
            for key, rows in found.items():
                rows[place] = [single.get(key, 0)]
        return found

    def _chunk(self, texts, take):
        tokens = self.tokens(self.tokenizer, texts, self.max_length)
        lengths = np.array([len(row) for row in tokens["input_ids"]])
        order = np.argsort(lengths, kind="stable")
        parts = []
        for start in range(0, len(order), BATCH):
            rows = {key: [values[row] for row in order[start : start + BATCH]] for key, values in tokens.items()}
            batch = self.tokenizer.pad(rows, return_tensors="pt").to(self.model.device)
            parts.append(take(self.model(**batch), batch["attention_mask"]).float().cpu().numpy())
        found = np.concatenate(parts).astype(np.float64)
        answers = np.empty_like(found)
        answers[order] = found
        return answers


def longest(wanted, tokenizer, config):
    """Return the tokens of the longest text that a network takes, at most those that are wanted."""
    positions = getattr(config, "max_position_embeddings", None) or 10**9
    return int(min(wanted, tokenizer.model_max_length, positions - 2))  # the positions of RoBERTa begin at 2


def valid(texts):
    """Return the texts with "?" for what is half of a character, which no tokenizer takes."""
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


def core_seconds():
    """Return the clock, our own CPU seconds, and those of all cores, None where the system does not tell."""
    try:
        ticks = [int(tick) for tick in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = (sum(ticks) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK")  # neither idle nor waiting for a disk
    except (OSError, ValueError, AttributeError):
        busy = None
    return time.perf_counter(), time.process_time(), busy


def free_cores(before, after):
    """Return how many cores nobody else used between two moments, of those that this process may use; at least 1.

    Threads that share a core wait for each other.
    """
    whole = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else whole
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        usable = min(usable, float(quota) / float(period))
    except (OSError, ValueError):  # no container, or one without a limit
        pass
    seconds, own, others = after[0] - before[0], after[1] - before[1], 0.0
    if seconds > 0.2 and before[2] is not None and after[2] is not None:  # the system counts in steps of 10 ms
        others = max(after[2] - before[2] - own, 0.0) / seconds
    return max(1, int(min(usable, whole - others + 0.5)))


KINDS = {"linear": Linear, "embedding": Embedding, "transformer": Transformer, "scenario": Scenario}


def named(value):
    """Return a value of the column as training wrote it: 1.0 is "1"; None where it is missing."""
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def tempered(scores, temperature):
    """Return the scores with their log-odds divided by the temperature: above 1 a model is less sure."""
    return scores if temperature == 1 else softmax(np.log(np.clip(scores, LEAST, 1)) / temperature)


def ruled(scores, labels, texts, rules):
    """Return the scores with the rules on top: a match raises its label's log-odds by the weight.

    The first matching rule without weight decides alone.
    """
    shifted = np.log(np.clip(scores, LEAST, 1))
    decided = np.full(len(texts), -1)
    for pattern, label, weight in rules:
        if label in labels:
            matches = np.array([pattern.search(text) is not None for text in texts], dtype=bool)
            if weight is None:
                decided[matches & (decided < 0)] = labels.index(label)
            else:
                shifted[matches, labels.index(label)] += weight
    found = softmax(shifted)
    found[decided >= 0] = np.eye(len(labels))[decided[decided >= 0]]
    return found


def softmax(logits):
    """Return the probabilities of log-odds, row by row."""
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


class TextClassifier(mlflow.pyfunc.PythonModel):
    """A text in; ``prediction`` and a probability ``score.<label>`` for each label out.

    With rules also the probability before them, ``base.<label>``. A model that has one for each value of a column
    is given that column too; without it, or for another value, it asks the one of all rows.
    """

    def load_context(self, context):
        """Load the model, its temperature and the rules on top of it."""
        self.load_folder(Path(context.artifacts["model"]))

    def load_folder(self, folder):
        """Load from a fitted model's folder."""
        content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.model = load(folder)
        self.temperature = content.get("temperature", 1)
        self.rules = [
            (re.compile(rule["pattern"], re.IGNORECASE), str(rule["label"]), rule.get("weight"))
            for rule in content.get("rules", [])
        ]

    @property
    def pipeline(self):
        """The linear pipeline inside, for whoever explains it; None where there is none."""
        return getattr(self.model, "pipeline", None)

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        """Return one row per text."""
        texts = ["" if pd.isna(text) else str(text) for text in model_input.iloc[:, 0]]
        column = getattr(self.model, "column", None)
        values = [named(value) for value in model_input[column]] if column in model_input else None
        base = tempered(self.model.scores(texts, values), self.temperature)
        labels = self.model.labels
        scores = ruled(base, labels, texts, self.rules) if self.rules else base
        output = pd.DataFrame(scores, columns=[f"score.{label}" for label in labels])
        output.insert(0, "prediction", np.array(labels, dtype=object)[scores.argmax(axis=1)])
        if self.rules:
            output[[f"base.{label}" for label in labels]] = base
        return output


mlflow.models.set_model(TextClassifier())
