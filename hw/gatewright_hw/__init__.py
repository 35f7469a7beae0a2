"""The accelerator in Amaranth: bus components, engines, sequencer and top level."""
