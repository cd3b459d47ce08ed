"""Sessions: those that agents work in, and those that people have open in Jupyter."""
