"""The aggregate engine: sparse matrix (CSR) times feature rows."""
