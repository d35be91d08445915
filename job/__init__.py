"""Submits every Numerai model of an account that still lacks a fresh submission for the open
round.
"""

__version__ = "0.1.0"
