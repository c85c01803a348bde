"""Why the answers are wrong: the sources of errors, their causes, and what to do about them."""
