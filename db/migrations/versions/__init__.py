"""One file a step, ``mNNN_what.py``; every revision is also listed in ``db.schema.REVISIONS``.

A step that alters a table does so by ``op.batch_alter_table``: SQLite then copies the table, which
needs named constraints, and PostgreSQL alters it in place. Never edit a step that was released.
"""
