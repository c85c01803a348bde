"""Scores of several candidates → estimates, causes of failure, and a decision."""
