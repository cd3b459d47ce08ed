"""The server's kernels: standing links to them, their life and death, what they are."""
