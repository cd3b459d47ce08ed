"""Permissions, and the events of what was done."""
