"""Plans that feed a frontend: links, settings and per-checkpoint choices out of the registry."""
