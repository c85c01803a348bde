"""A model in production, window of time by window of time."""
