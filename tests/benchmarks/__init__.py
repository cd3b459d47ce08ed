"""The benchmark: one table from one run, ratios inside it. Run with ``python -m tests.benchmarks``."""
