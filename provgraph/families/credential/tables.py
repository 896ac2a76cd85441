"""The credentials, each without its token."""

from __future__ import annotations

from provgraph.relational.columns import numbers, some_numbers, some_texts, table, texts

# `exclusive` is the event's `Only`: as the name of a column PostgreSQL reserves that word.
CREDENTIAL = table(
    "credential",
    texts("credential_id", "name", "holder", "token_sha256", "created_at"),
    some_texts("revoked_at"),
    numbers("position"),
    texts("rights", "emitters"),
    numbers("exclusive"),
    some_numbers("expires_us"),
    key=("credential_id",),
    unique=(("token_sha256",),),
)
