"""Standing links to kernels: their requests and messages, over any transport."""
