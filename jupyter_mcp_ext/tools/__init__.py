"""The tools, one typed function each, and the one road on which all of them are called."""
