"""Rows for a recipe: where they come from, how they are parted, what of them MLflow lists."""
