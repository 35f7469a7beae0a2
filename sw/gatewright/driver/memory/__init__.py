"""Device memory as the host sees it: arrays, what one call borrows, and the blocks that both come from."""
