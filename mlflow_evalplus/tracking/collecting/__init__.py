"""Production logs out of MLflow, and the queue of cases into it."""
