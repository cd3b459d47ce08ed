"""The benchmark, which prints one table: ``python -m tests.benchmarks``."""
