"""All code that runs in kernels.

`texts` names what the server sends, `joining` makes it, and `expressions` and `bash` are the
requests around it. The other modules use only the standard library, in Python 3.8, and modules of
their own folder. They run in a namespace that is dropped afterwards and bind no name of the
session, except that ``snapshot.loading`` puts its variables there.
"""
