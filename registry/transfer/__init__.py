"""Bytes from other machines: requests with bounds, files by ranges, downloads that resume."""
