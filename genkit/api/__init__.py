"""The Python API: one module for each verb. Nothing heavy is imported until a function is called."""
