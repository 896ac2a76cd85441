"""PostgreSQL with several processes, and PostgreSQL that goes away."""
