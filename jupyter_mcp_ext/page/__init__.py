"""The page on which people see what agents do on their server, and stop it."""
