"""The heart: what model files are, which latent family they work in, and what fits what."""
