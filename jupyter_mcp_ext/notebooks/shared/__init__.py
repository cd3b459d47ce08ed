"""Notebooks that people have open together: rooms, their documents, and who is in them."""
