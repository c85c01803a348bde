"""The cases of a production log that are worth a label."""
