"""Packages for the environments of kernels, under the operator's policy."""
