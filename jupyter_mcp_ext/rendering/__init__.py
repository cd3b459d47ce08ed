"""Rendering in a process that can be killed: what kernels send may take forever."""
