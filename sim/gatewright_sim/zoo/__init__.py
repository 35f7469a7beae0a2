"""Models of many kinds, compiled and executed: which run, how exactly, and whether anything is wrong in silence."""
