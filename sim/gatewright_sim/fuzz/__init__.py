"""Fuzzing: what comes from outside (files, messages, commands), drawn by structure and bent at its limits."""
