"""What the catalog's tables are made of: columns and keys, changes of rows, and what databases spell differently."""
