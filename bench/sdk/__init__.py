"""How fast the client is, held against Record Keeper's own, and what importing it costs."""
