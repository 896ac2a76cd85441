"""The removal of artifacts that no PEM names."""
