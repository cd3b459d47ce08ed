"""Variables of a kernel: listed and inspected without leaving a trace or running users' code."""
