"""The clients' side: which servers run here, how clients are connected to them, and what is wrong.

Used by commands only; the server itself does not import it.
"""
