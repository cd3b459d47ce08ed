"""How a session comes back after its kernel is gone."""
