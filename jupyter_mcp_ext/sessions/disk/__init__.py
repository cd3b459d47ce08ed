"""Sessions on disk: each one's folder, its record and its lock."""
