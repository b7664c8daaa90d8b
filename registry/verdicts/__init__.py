"""Whether a VAE fits a checkpoint, and why: a pair, the rules on it, the verdict."""
