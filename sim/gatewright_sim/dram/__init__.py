"""Memory as silicon has it: a DRAM, its controller and the ports before it; and what they are held to."""
