"""What is known of a model besides its test set: online experiments and human ratings."""
