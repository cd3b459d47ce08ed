"""Cells that run: which, and how their outputs are written into the notebook."""
