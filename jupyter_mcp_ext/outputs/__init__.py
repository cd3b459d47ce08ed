"""Outputs of code: what a notebook would show (pure), and what of it a model gets to read."""
