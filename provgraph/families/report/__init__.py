"""Reports of operators' jobs."""
