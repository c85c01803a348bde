"""What is kept of the texts: all of them, masked ones, hashes, or nothing."""
