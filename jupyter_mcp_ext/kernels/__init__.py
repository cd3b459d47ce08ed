"""The server's kernels: links to them, their start and death, and what each kind can do."""
