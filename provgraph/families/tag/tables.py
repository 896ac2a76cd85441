"""Where the tags point."""

from __future__ import annotations

from provgraph.relational.changes import Put
from provgraph.relational.columns import long_texts, table, texts

TagRow = tuple[str, str, str, str]  # namespace, tag, pem_id, updated_at

TAG = table(
    "tag",
    long_texts("namespace", "tag"),
    texts("pem_id", "updated_at"),
    key=("namespace", "tag"),
    by_key=True,
)
# By namespace and tag.
MOVED: Put[TagRow] = Put(TAG, key=("namespace", "tag"))
