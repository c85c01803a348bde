"""The flywheel as recipes: train on the newest version of the data, and a simulated year of turns."""

BUDGET = 80  # labels a turn
