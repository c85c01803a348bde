"""Faults while MLflow is written to, injected from outside; ``python -m tests.faults`` counts what they cost."""
