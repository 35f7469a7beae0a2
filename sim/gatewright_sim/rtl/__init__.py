"""The RTL in process: Verilator's C++ of the accelerator with a DDR model, behind the driver's backend interface."""
