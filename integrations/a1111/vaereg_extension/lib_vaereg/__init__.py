"""What the extension's script is made of; it stands apart because every file in scripts/ is run."""
