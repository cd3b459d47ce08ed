"""Changes of configuration as text, which leave everything else as it was written; pure."""
