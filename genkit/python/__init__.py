"""genkit from Python: the verbs as functions, loaded models, many inputs at once."""
