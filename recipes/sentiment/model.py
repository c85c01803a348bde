"""The MLflow model of every candidate, logged as code: a skops pipeline, and rules where it has them.

No pickle: the pipeline's file is read by skops, which refuses types that it does not trust.
"""

import re

import mlflow
import numpy as np
import pandas as pd
import skops.io
import yaml


class SentimentModel(mlflow.pyfunc.PythonModel):
    """``text`` in; ``prediction`` and a probability ``score.<label>`` for each label out."""

    def load_context(self, context):
        """Read the pipeline and the rules."""
        self.pipeline = skops.io.load(context.artifacts["pipeline"])
        self.labels = [str(label) for label in self.pipeline.classes_]
        rules = []
        if "rules" in context.artifacts:
            with open(context.artifacts["rules"], encoding="utf-8") as file:  # noqa: PTH123
                rules = yaml.safe_load(file)
        self.rules = [(re.compile(rule["pattern"], re.IGNORECASE), rule["label"], rule["weight"]) for rule in rules]

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        """Return one row per text."""
        texts = model_input.iloc[:, 0].astype(str)
        log_odds = np.log(np.clip(self.pipeline.predict_proba(texts), 1e-12, 1))
        for pattern, label, weight in self.rules:
            if label in self.labels:
                matches = np.array([pattern.search(text) is not None for text in texts])
                log_odds[matches, self.labels.index(label)] += weight
        scores = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        output = pd.DataFrame(scores, columns=[f"score.{label}" for label in self.labels])
        output.insert(0, "prediction", np.array(self.labels, dtype=object)[scores.argmax(axis=1)])
        return output


mlflow.models.set_model(SentimentModel())
