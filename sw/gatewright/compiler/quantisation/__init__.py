"""Which number format each value gets: what calibration saw, what readers demand, and what error is left."""
