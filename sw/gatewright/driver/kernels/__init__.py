"""Single kernels on arrays: arguments are checked, placed and made a command."""
