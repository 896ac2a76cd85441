"""How long the questions take: on hot artifacts, on diamonds, and on a million events."""
