"""Service 3: lists and lineage questions over HTTP, answered from the catalog and the graph alone."""
