"""Azurite, Microsoft's own stand-in for Blob Storage, and what tests need around it."""
