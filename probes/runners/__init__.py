"""VAEs that can be run: one table of architectures, and the networks behind it."""
