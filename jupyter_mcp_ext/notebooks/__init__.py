"""Notebooks: read, edited and run, wherever they are kept."""
