"""A step of the fabric: kernels on views of memory, their addresses, and their commands as bytes."""
