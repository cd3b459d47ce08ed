"""What our own notices say about code that has run: pure functions from its source and outcome."""
