"""The same VAE in another layout, float type or container: planned, written, proved, named."""
