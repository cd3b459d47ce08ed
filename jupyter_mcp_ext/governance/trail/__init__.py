"""The audit file: a chain of signed records, written while calls go on, and checked later."""
