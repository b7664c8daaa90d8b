"""The steps from one schema of the registry to the next, run by Alembic from ``db.upgrade``."""
