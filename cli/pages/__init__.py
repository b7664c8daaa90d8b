"""HTML pages of the command line: each one file, which loads nothing from anywhere."""
