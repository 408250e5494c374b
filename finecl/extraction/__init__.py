"""Training an extractor on labelled documents, and predicting with it."""
