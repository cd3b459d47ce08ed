"""Saves the variables of a Python kernel and loads them again."""
