"""What is measured by running a VAE: colour response, encoder fit, cross-decode, range."""
