"""Notices about code that has run: pure functions of its source and its outcome."""
