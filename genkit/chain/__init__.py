"""Calls of verbs after one another: recipe files and one-liners, their plan, and the pictures handed on in memory."""
