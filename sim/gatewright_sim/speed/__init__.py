"""How fast the accelerator is: cycles of the RTL under the simulated memory, each beside its bound."""
