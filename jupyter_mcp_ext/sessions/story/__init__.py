"""What a session has executed: its journal and its notebook."""
