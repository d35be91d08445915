"""Blob Storage as it fails, is slow, and is shared."""
