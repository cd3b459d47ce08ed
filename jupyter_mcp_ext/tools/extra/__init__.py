"""Tools of other packages, on the same road as those of this one."""
