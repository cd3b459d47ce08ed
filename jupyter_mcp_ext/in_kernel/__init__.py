"""All code that runs in kernels. The server sends it as text, and imports none of it.

The modules use only the standard library, in Python 3.8, and modules of their own folder.
"""
