"""Systems against each other: rows that are measured once and kept, pooled over shuffles and seeds, tested, shown."""
