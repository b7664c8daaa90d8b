"""Tests of changes to other programs' files."""
