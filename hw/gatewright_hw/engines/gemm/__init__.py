"""The gemm engine: the int8 array with its operands, results and tiles."""
