"""Text that runs in a Python kernel to look at its variables; the server does not import it.

Each module stands on the standard library, in Python 3.8, and on those of this folder that it
imports. `sources` joins them to one text. Everything here may meet objects that lie, raise or
never answer: unless a function says otherwise, it runs no code of theirs.
"""
