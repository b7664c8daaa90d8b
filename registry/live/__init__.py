"""Running frontends: read and set over their own interfaces, and re-read to confirm."""
