"""Where contents were published, which VAEs authors name for their checkpoints, what was asked."""

import sqlalchemy as sa
from alembic import op

revision = "m003"
down_revision = "m002"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make ``origins`` anew, since no version before wrote a row of it, and two more tables."""
    op.drop_table("origins")
    op.create_table(
        "origins",
        sa.Column("id", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("ref_key", sa.String(64), nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("declared", sa.Text),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_origins"),
        sa.UniqueConstraint("artifact_id", "ref_key", name="uq_origins_artifact_id_ref_key"),
        sa.ForeignKeyConstraint(
            ["artifact_id"],
            ["artifacts.id"],
            name="fk_origins_artifact_id_artifacts",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "declared_pairs",
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("vae_sha256", sa.String(64), nullable=False),
        sa.Column("ref_key", sa.String(64), nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("model_sha256", "vae_sha256", "ref_key", name="pk_declared_pairs"),
    )
    op.create_table(
        "lookups",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("known", sa.Boolean, nullable=False),
        sa.Column("looked_up_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("source", "sha256", name="pk_lookups"),
    )
