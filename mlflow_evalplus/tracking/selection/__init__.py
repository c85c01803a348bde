"""A selection in MLflow: parent and child runs, judges, scorers, the chosen model."""
