"""Small model files that the package writes itself: real formats and names, narrow widths."""
