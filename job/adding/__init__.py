"""What `add` makes of its command line: where the file belongs, and what the manifest will say."""
