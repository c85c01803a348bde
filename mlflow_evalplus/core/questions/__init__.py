"""The business's own questions: read, checked whole, and brought in from other tools."""
