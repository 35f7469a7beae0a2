"""The vector engine: element-wise operations, table functions, norms and softmax on rows."""
