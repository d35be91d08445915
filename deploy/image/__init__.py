"""What the image is built from, and what builds and measures it."""
