"""What a request costs the host, in instructions."""
