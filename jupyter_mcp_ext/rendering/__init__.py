"""Rendering in a process that can be ended: what kernels send may take for ever."""
