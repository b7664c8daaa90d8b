"""Readers that tell names, shapes and dtypes of a model without loading a weight."""
