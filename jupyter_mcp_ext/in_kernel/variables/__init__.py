"""Looks at the variables of a Python kernel.

Objects may lie, raise or never answer: unless a function says otherwise, it runs none of their
code.
"""
