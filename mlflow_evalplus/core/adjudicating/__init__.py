"""Filled queues → labels that are settled, cases that are open, and what is wrong with the files."""
