"""The tools: one typed function each, and the one road that leads to them."""
