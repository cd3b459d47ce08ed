"""Runs of code as objects of the server: started, waited for, interrupted, read again."""
