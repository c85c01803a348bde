"""Recipes: whole ways from data to a decision, to run with `mlflow run` and to copy from."""
