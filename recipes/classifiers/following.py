"""What happens beside a fine-tuning: progress, metrics of its epochs, checkpoints, and when it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from mlflow_evalplus.names import EPOCH_METRICS
from recipes.classifiers import resume
from recipes.classifiers.job import Job
from recipes.classifiers.tuning import Settings

SAY_S, SAY_SHARE = 3.0, 0.02  # between two lines of progress: seconds, or a share of the whole where that is longer
AGREE_STEPS = 16  # several processes agree this often whether it is time for a checkpoint


class Follow(transformers.TrainerCallback):  # type: ignore[misc]
    """Follows a training: tells how far it is, logs each epoch, asks for checkpoints, seals them, and stops it."""

    def __init__(self, job: Job, settings: Settings, *, held_out: bool, loss: Callable[[], float]) -> None:
        self.job, self.settings, self.held_out, self.loss = job, settings, held_out, loss
        self.saved = self.said = self.begun = time.monotonic()
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note where it begins."""
        self.first_step, self.begun = state.global_step, time.monotonic()
        self.saved = self.begun

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell how far it is, and ask for a checkpoint when it is time."""
        now = time.monotonic()
        left = (now - self.begun) / (state.global_step - self.first_step) * (state.max_steps - state.global_step)
        pause = max(SAY_S, SAY_SHARE * (now - self.begun + left))
        if now - self.said > pause and left and state.is_world_process_zero:
            self.said = now
            self.job.say(self._progress(state, left))
        ends_epoch = state.epoch == int(state.epoch)  # there is a checkpoint anyway
        if not ends_epoch and self._agreed(now - self.saved > self.settings.save_s, args, state):
            control.should_save = control.should_log = True
            self.saved = now

    def _progress(self, state: Any, left: float) -> str:
        epoch = min(int(state.epoch) + 1, self.settings.epochs)
        share = state.global_step / state.max_steps
        return f"epoch {epoch} of {self.settings.epochs}, {share:.0%}, loss {self.loss():.3f}, {left:,.0f} s left"

    @staticmethod
    def _agreed(wanted: bool, args: Any, state: Any) -> bool:
        if args.world_size == 1:
            return wanted
        if state.global_step % AGREE_STEPS:
            return False
        flag = torch.tensor(int(wanted), device=args.device)
        torch.distributed.broadcast(flag, 0)
        return bool(flag)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log an epoch that has no held-out rows."""
        if not self.held_out and state.epoch == int(state.epoch) and "loss" in (state.log_history or [{}])[-1]:
            self._tell({}, state)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        """Log an epoch, and end the training where it brings nothing more."""
        self._tell(metrics, state)
        if stale(state.log_history) >= self.settings.patience:
            control.should_training_stop = True

    def _tell(self, metrics: dict[str, float], state: Any) -> None:
        if not state.is_world_process_zero:
            return
        epoch = round(state.epoch)
        logged = dict(zip(EPOCH_METRICS, ("eval_log_loss", "eval_f1_macro", "eval_accuracy", ""), strict=True))
        found = {f"model/{name}": metrics[key] for name, key in logged.items() if key in metrics}
        found[f"model/{EPOCH_METRICS[3]}"] = train_loss(state.log_history, epoch)
        self.job.log({key: value for key, value in found.items() if math.isfinite(value)}, epoch)
        told = [f"{key.removeprefix('model/epoch_')} {value:.3f}" for key, value in found.items()]
        self.job.say(f"epoch {epoch} of {self.settings.epochs}: {', '.join(told)}")

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Seal a checkpoint; keep it, the one before and the best."""
        if args.world_size > 1:
            torch.distributed.barrier()  # each process writes a file of its own
        if state.is_world_process_zero:
            resume.seal(self.job.work / f"{resume.PREFIX}{state.global_step}")
            best = [Path(state.best_model_checkpoint)] if state.best_model_checkpoint else []
            resume.keep(self.job.work, *resume.checkpoints(self.job.work)[:2], *best)


def stale(history: Sequence[dict[str, Any]]) -> int:
    """Return the epochs since the best macro F1 of the held-out rows.

    Examples
    --------
    >>> stale([{"eval_f1_macro": 0.6}, {"loss": 1.0}, {"eval_f1_macro": 0.8}, {"eval_f1_macro": 0.8}])
    1
    >>> stale([])
    0
    """
    found = [entry["eval_f1_macro"] for entry in history if "eval_f1_macro" in entry]
    return len(found) - 1 - found.index(max(found)) if found else 0


def train_loss(history: Sequence[dict[str, Any]], epoch: int) -> float:
    """Return the mean training loss of an epoch; nan where none is noted.

    It is noted at each checkpoint, as the mean over the steps since it was noted last.

    Examples
    --------
    >>> train_loss([{"loss": 1.0, "epoch": 0.75, "step": 3}, {"loss": 2.0, "epoch": 1.0, "step": 4}], 1)
    1.25
    """
    total = steps = previous = 0.0
    for entry in history:
        if "loss" in entry:
            if epoch - 1 < entry["epoch"] <= epoch:
                total += entry["loss"] * (entry["step"] - previous)
                steps += entry["step"] - previous
            previous = entry["step"]
    return total / steps if steps else math.nan
