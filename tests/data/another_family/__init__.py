"""A family of events that only tests have, as a patch, and what works with it."""
