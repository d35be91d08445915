"""Interpreters that models run in: found, made, and the lists of what Numerai's own hold."""
