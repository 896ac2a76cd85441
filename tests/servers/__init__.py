"""Real database servers for the tests, and networks between them that fail."""
