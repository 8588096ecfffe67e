"""Mutated files, ten thousand of them: each must be read or refused in one line, soon, and run nothing."""
