"""Data that tests read, and where it is."""
