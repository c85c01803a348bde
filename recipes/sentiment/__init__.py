"""Customer-service sentiment, in English and Chinese: iterations of a classifier, compared and decided."""
