"""Use cases that need several services: what tools, tasks and tests ask for in one call."""
