"""The programs that make the pictures: where they keep models and which VAE they really use."""
