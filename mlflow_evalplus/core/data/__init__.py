"""Checks of labelled data: duplicates, conflicts, leaks, drift."""
