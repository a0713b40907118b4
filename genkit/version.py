"""The version of this genkit, which recipes carry."""

__version__ = "0.2.0"
