"""What happens to a session whose kernel is gone: what comes back, and from where."""
