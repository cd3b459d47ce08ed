"""Interactive charts and maps in words, for readers that see no picture."""
