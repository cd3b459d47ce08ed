"""What the code of agents can reach: the environment, files, network and resources of kernels."""
