"""Choose a model on a question set: the recipe of ``mlflow run . -e select``."""

from pathlib import Path

HERE = Path(__file__).parent
QUESTIONS, CANDIDATES, REQUIREMENTS = HERE / "questions.jsonl", HERE / "candidates.yaml", HERE / "requirements.yaml"
