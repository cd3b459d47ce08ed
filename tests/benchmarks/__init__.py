"""The benchmark: one table from one run. It is run with ``python -m tests.benchmarks``."""
