"""Bitstreams for Zynq-7000 with openXC7: Yosys, nextpnr-xilinx, Project X-Ray's tools; and the checks that it needs."""
