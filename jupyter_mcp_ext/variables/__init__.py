"""Variables of a kernel: listed and inspected without a trace, and without code of users."""
