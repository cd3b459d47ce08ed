"""Notebooks as values and as text for a model. No I/O."""
