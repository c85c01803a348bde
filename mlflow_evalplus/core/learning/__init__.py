"""Learning curves: what more labels would buy."""
