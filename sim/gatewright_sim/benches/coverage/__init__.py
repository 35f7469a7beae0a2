"""Functional coverage: which kinds of commands met which kinds of memories, as crossed bins; one that no command falls
into is a hole in the stimuli."""
