"""Text that runs in a Python kernel to save and load its variables; the server does not import it.

Each module stands on the standard library, in Python 3.8, and on those of this folder that it
imports. `texts` joins them. They run in a namespace that is dropped afterwards: nothing here
touches the session's, except where `loading` puts the variables.
"""
