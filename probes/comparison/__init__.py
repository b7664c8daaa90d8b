"""Pictures of the same latents beside each other: figures, words, a sheet and a page."""
