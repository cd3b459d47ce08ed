"""Code that runs in a Python kernel to look at its variables; the server does not import it.

The modules use only the standard library, in Python 3.8, and each other. `sources` joins them to
one text. Objects may lie, raise or never answer: unless a function says otherwise, it runs none of
their code.
"""
