"""Classifiers of texts: how they are trained, put together and served."""
