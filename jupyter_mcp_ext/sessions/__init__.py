"""Sessions: what agents work in, and what people have open; the same kind of thing in Jupyter."""
