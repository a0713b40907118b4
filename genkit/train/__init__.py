"""The public `genkit train`: one loop (`loop.py`) and one file per trainable task."""
