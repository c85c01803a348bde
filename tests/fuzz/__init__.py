"""Hostile input for every parser of what comes from outside: `python -m tests.fuzz`."""
