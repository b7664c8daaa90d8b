"""Makes latents with a checkpoint's own denoiser, once, for any number of VAEs to decode."""
