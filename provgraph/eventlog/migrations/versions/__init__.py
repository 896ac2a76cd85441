"""The steps from each version of the schema to the next. A step that was released is never changed."""
