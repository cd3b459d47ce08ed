"""The clients' side: which servers run here, how clients are connected to them, and what is wrong.

Used by commands; the server itself imports only the descriptions of clients, for its page.
"""
