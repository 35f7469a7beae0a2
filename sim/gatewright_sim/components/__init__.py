"""Components on their own, in Amaranth's simulator: what the tests of ``gatewright_hw`` drive them with."""
