"""Versions of the training data, and what keeps test texts out of them."""
