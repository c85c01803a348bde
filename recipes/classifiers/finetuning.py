"""The fine-tuning itself, by the Trainer of transformers; imported only where a transformer is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from sklearn.metrics import f1_score
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from recipes.classifiers import resume, serving
from recipes.classifiers.files import check_tokenizer, loading
from recipes.classifiers.following import Follow, stale
from recipes.classifiers.job import Job, write_model
from recipes.classifiers.tuning import Settings


def finetune(job: Job, folder: Path, settings: Settings, threads: int) -> None:
    """Fine-tune the checkpoint in `folder` on a job's rows, from its last checkpoint on, and write the best epoch.

    Called by every process of a training on several devices; the first of them writes and tells.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with _quiet():
            _finetune(job, folder, settings, threads)
    finally:
        torch.set_num_threads(before)


def _finetune(job: Job, folder: Path, settings: Settings, threads: int) -> None:
    labels = job.classes
    tokenizer, model = _pretrained(folder, labels, settings, job.seed)
    length = serving.longest(settings.max_length, tokenizer, model.config)
    train = _dataset(tokenizer, job.texts, job.labels, labels, length)
    held = _dataset(tokenizer, job.held_out_texts, job.held_out_labels, labels, length) if job.held_out_texts else None
    loss = _Loss(job, labels, settings)
    trainer = _Trainer(
        model,
        _arguments(job, settings, bool(held)),
        train_dataset=train,
        eval_dataset=held,
        data_collator=transformers.DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8 if _cuda() else None),
        compute_metrics=_metrics,
        compute_loss_func=loss,
        callbacks=[Follow(job, settings, held_out=bool(held), loss=lambda: float(loss.latest))],
    )
    trainer.remove_callback(PrinterCallback)
    start = resume.latest(job.work)
    if start is not None:
        job.say(f"goes on from step {resume.state(start).get('global_step')}")
    noted = resume.state(start) if start is not None else {}
    if stale(noted.get("log_history", [])) >= settings.patience:  # it had ended, and was killed before it was logged
        model = type(model).from_pretrained(noted["best_model_checkpoint"], use_safetensors=True)
    else:
        trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
        model = trainer.accelerator.unwrap_model(trainer.model)
    if trainer.is_world_process_zero():
        model.to("cpu", torch.float32).save_pretrained(job.folder)
        tokenizer.save_pretrained(job.folder)
        write_model(job.folder, "transformer", labels, max_length=length, threads=threads)


def _pretrained(folder: Path, labels: Sequence[str], settings: Settings, seed: int) -> tuple[Any, Any]:
    """Return tokenizer and model of a checkpoint, with a new classifier on top."""
    transformers.set_seed(seed)
    names = dict(enumerate(labels))
    with loading(f"checkpoint in {folder} cannot be fine-tuned as a classifier"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(labels), id2label=names, label2id={name: i for i, name in names.items()},
            problem_type="single_label_classification", ignore_mismatched_sizes=True, use_safetensors=True,
            trust_remote_code=False, dtype=torch.float32,
        )  # fmt: skip
    check_tokenizer(tokenizer, f"in {folder}")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    _freeze(model, settings.freeze)
    return tokenizer, model


def _freeze(model: Any, what: str) -> None:
    frozen = {"": None, "embeddings": model.get_input_embeddings(), "encoder": model.base_model}[what]
    for parameter in frozen.parameters() if frozen is not None else ():
        parameter.requires_grad = False


def _dataset(
    tokenizer: Any, texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], length: int
) -> datasets.Dataset:
    places = {label: place for place, label in enumerate(classes)}
    tokens = serving.Network.tokens(tokenizer, texts, length)["input_ids"]
    return datasets.Dataset.from_dict({"input_ids": tokens, "labels": [places[label] for label in labels]})


def _cuda() -> bool:
    return bool(torch.cuda.is_available())


def _arguments(job: Job, settings: Settings, held_out: bool) -> transformers.TrainingArguments:
    half = _cuda() and torch.cuda.is_bf16_supported()
    return transformers.TrainingArguments(
        str(job.work.resolve()),
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        warmup_steps=0.1,  # below 1 it is a share of all steps
        weight_decay=settings.weight_decay,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=2 * settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        eval_strategy="epoch" if held_out else "no",
        save_strategy="epoch",
        logging_strategy="epoch",
        load_best_model_at_end=held_out,
        metric_for_best_model="f1_macro" if held_out else None,
        greater_is_better=True if held_out else None,
        bf16=half,
        fp16=_cuda() and not half,
        tf32=False if _cuda() else None,
        dataloader_pin_memory=_cuda(),
        seed=job.seed,
        report_to="none",
        disable_tqdm=True,
        logging_nan_inf_filter=False,
    )


def _metrics(answers: Any) -> dict[str, float]:
    logits, labels = np.asarray(answers.predictions, dtype=np.float64), np.asarray(answers.label_ids)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_scores = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    predictions = logits.argmax(axis=1)
    return {
        "log_loss": float(-log_scores[np.arange(len(labels)), labels].mean()),
        "f1_macro": float(f1_score(labels, predictions, average="macro", zero_division=0)),
        "accuracy": float((predictions == labels).mean()),
    }


class _Loss:
    """The cross-entropy; each label has the same weight in all where that is wanted."""

    def __init__(self, job: Job, labels: Sequence[str], settings: Settings) -> None:
        counts = np.array([max(sum(label == other for other in job.labels), 1) for label in labels])
        weights = len(job.labels) / (len(labels) * counts) if settings.class_weights else np.ones(len(labels))
        self.weight = torch.tensor(weights, dtype=torch.float32)
        self.latest = torch.tensor(float("nan"))

    def __call__(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        logits = outputs["logits"].float()
        total = torch.nn.functional.cross_entropy(logits, labels, self.weight.to(logits.device), reduction="sum")
        self.latest = total.detach() / len(labels)
        return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)


class _Sampler(LengthGroupedSampler):
    """Texts of like length together, in an order that follows from seed and epoch alone: a resumed epoch has it too."""

    def __init__(self, batch_size: int, lengths: list[int], seed: int, epoch: Callable[[], int]) -> None:
        super().__init__(batch_size, lengths=lengths)
        self.seed, self.epoch = seed, epoch

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch()) % 2**63)
        return super().__iter__()


class _Trainer(transformers.Trainer):
    def _get_train_sampler(self, train_dataset: Any = None) -> _Sampler:
        lengths = [len(tokens) for tokens in self.train_dataset["input_ids"]]
        rows = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return _Sampler(rows, lengths, self.args.seed, lambda: int(self.state.epoch or 0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries from printing bars and reports of their own."""
    log, bars = transformers.utils.logging, datasets.are_progress_bars_disabled()
    level, showed = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if showed:
            log.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
