"""Continuous evaluation: every new model, and all of them on new data."""
