"""Tests of what is on the side of clients."""
