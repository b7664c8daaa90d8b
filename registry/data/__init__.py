"""Data tables that ship with the package: latent families and known files."""
