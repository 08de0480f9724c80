"""Ways out of a process, each tried for real, in a copy that is thrown away.

An attack that gets through does no harm: it aims at what Targets names and undoes what it did.
"""
