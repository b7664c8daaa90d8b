"""What Alembic runs for every migration: the connection comes from ``db.upgrade``, open already."""

from alembic import context

# The connection is inside a transaction, so that all steps together happen or none does.
context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
