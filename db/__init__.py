"""The registry's memory: tables, migrations and the store, in SQLite or PostgreSQL."""
