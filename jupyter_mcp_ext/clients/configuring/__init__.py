"""Clients' own configuration files, and the entry of a Jupyter server in them."""
