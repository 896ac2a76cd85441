"""The questions on every graph store, held against a slow and plain reference."""
