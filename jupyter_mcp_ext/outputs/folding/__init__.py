"""From the messages of a kernel to the outputs that a notebook would show after them."""
