"""Hugging Face through ``huggingface_hub``: what it has, what of it is taken, what it refuses."""
