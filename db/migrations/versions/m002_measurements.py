"""What was measured: the digest of each component's weights, readings of VAEs, costs of probes."""

import sqlalchemy as sa
from alembic import op

revision = "m002"
down_revision = "m001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the columns and the table, and have the next scan read every VAE's weights."""
    with op.batch_alter_table("components") as table:
        table.add_column(sa.Column("content", sa.Text))
    op.create_index("ix_components_content", "components", ["content"])
    with op.batch_alter_table("verdicts") as table:
        table.add_column(sa.Column("cost", sa.Text))
        table.add_column(sa.Column("images", sa.Text))
    op.create_table(
        "readings",
        sa.Column("artifact_id", _ID, autoincrement=False, nullable=False),
        sa.Column("probes_version", sa.Integer, nullable=False),
        sa.Column("response", sa.Text),
        sa.Column("fit", sa.Text),
        sa.Column("finite", sa.Text, nullable=False),
        sa.Column("contrast", sa.Text),
        sa.Column("trouble", sa.Text),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", name="pk_readings"),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifacts.id"],
            name="fk_readings_artifact_id_artifacts",
            ondelete="CASCADE",
        ),
    )
    # Files of VAEs alone: checkpoints are hundreds of GB, ``scan --fresh`` is there for them.
    op.execute(
        "UPDATE locations SET mtime_ns = '-1' WHERE artifact_id IN (SELECT artifact_id FROM"
        " components WHERE role = 'vae') AND artifact_id NOT IN (SELECT artifact_id FROM components"
        " WHERE role = 'denoiser')"
    )
