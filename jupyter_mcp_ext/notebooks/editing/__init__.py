"""Edits of cells, what they have done, and how they are taken back."""
