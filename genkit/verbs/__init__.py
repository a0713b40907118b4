"""The verbs: a folder each, with its declaration, its algorithm, and what only it needs."""
