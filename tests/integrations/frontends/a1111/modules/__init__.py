"""AUTOMATIC1111's modules, as far as the extension meets them."""
