"""Code that runs in a Python kernel to save and load its variables; the server does not import it.

The modules use only the standard library, in Python 3.8, and each other. `texts` joins them. They
run in a namespace that is dropped afterwards: nothing here touches the session's, except that
`loading` puts the variables there.
"""
