"""Commands below ``jupyter mcp``."""
