"""vaereg knows which VAE fits which checkpoint, from the weights and not from the file name."""

__version__ = "0.1.0"
