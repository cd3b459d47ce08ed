"""Outputs of code: what a notebook would show, and the part that a model gets to read; pure."""
