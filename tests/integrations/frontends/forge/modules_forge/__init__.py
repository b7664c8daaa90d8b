"""Forge's own modules, as far as the extension meets them."""
