"""How long sessions are kept on disk: the rules, and what carries them out."""
