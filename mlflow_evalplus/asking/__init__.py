"""Asking candidates: endpoints, local pipelines, recorded answers; at once, within limits, and journaled."""
