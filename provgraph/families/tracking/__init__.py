"""Tracked work."""
