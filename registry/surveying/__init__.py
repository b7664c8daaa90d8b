"""Every recorded checkpoint against every recorded VAE, probed: the work shared and resumable."""
