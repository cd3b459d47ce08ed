"""Saves the variables of sessions, and keeps what their kernels wrote."""
