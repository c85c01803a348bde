"""The only rooms that import mlflow: ask a model, write a run, read it back, register a winner."""
