"""Text encoders inside a model: how many layers, what is wrong, which clip skip to set where."""
