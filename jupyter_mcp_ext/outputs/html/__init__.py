"""The text of HTML: what a person sees, in order, with its tables."""
