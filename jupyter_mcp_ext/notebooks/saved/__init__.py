"""Notebooks as files, changed and saved as Jupyter does it."""
