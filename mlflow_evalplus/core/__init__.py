"""Numbers only: rows become `Predictions`, then `Counts`, then estimates and a verdict."""
