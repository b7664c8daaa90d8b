"""What the colours of a VAE tell: the latent space, and its scaling."""
