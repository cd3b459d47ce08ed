"""What the kernels of agents may use of the machine: memory, processors, processes and disk."""
