"""The first schema: models by content, where they lie, what is in them, and verdicts on pairs."""

import sqlalchemy as sa
from alembic import op

revision = "m001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table."""
    _models()
    _knowledge()
    _places()
    _verdicts()


def _models() -> None:
    op.create_table(
        "artifacts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("autov1", sa.Text),
        sa.Column("autov2", sa.Text),
        sa.Column("autov3", sa.Text),
        sa.Column("blake3", sa.Text),
        sa.Column("crc32", sa.Text),
        sa.Column("content", sa.Text),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("known_as", sa.Text),
        sa.Column("notices", sa.Text, nullable=False),
        sa.Column("identified_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
        sa.UniqueConstraint("sha256", name="uq_artifacts_sha256"),
    )
    op.create_table(
        "components",
        sa.Column("id", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("architecture", sa.Text, nullable=False),
        sa.Column("layout", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("dtypes", sa.Text, nullable=False),
        sa.Column("tensors", sa.BigInteger, nullable=False),
        sa.Column("parameters", sa.BigInteger, nullable=False),
        sa.Column("notices", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_components"),
        sa.UniqueConstraint("artifact_id", "ordinal", name="uq_components_artifact_id_ordinal"),
        _owned_by("artifacts", "components", "artifact_id"),
    )


def _knowledge() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("component_id", _ID, autoincrement=False, nullable=False),
        sa.Column("channels", sa.BigInteger),
        sa.Column("spatial_factor", sa.Double),
        sa.Column("temporal_factor", sa.BigInteger),
        sa.Column("family", sa.Text),
        sa.Column("candidates", sa.Text, nullable=False),
        sa.Column("determined_by", sa.Text),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("scaling_factor", sa.Double),
        sa.Column("shift_factor", sa.Double),
        sa.Column("scaling_determined_by", sa.Text),
        sa.PrimaryKeyConstraint("component_id", name="pk_fingerprints"),
        _owned_by("components", "fingerprints", "component_id"),
    )
    op.create_table(
        "origins",
        sa.Column("id", _ID, nullable=False),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("url", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_origins"),
        _owned_by("artifacts", "origins", "artifact_id"),
    )
    op.create_index("ix_origins_artifact_id", "origins", ["artifact_id"])


def _places() -> None:
    op.create_table(
        "locations",
        *_path_columns("locations"),
        *_stamp_columns(),
        sa.Column("artifact_id", _ID, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _owned_by("artifacts", "locations", "artifact_id"),
    )
    op.create_index("ix_locations_artifact_id", "locations", ["artifact_id"])
    op.create_table(
        "rejections",
        *_path_columns("rejections"),
        *_stamp_columns(),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table("roots", *_path_columns("roots"))


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("model_id", _ID, nullable=False),
        sa.Column("vae_id", _ID, nullable=False),
        sa.Column("level", sa.String(32), nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("rules_version", sa.Integer, nullable=False),
        sa.Column("decided_at", sa.String(40), nullable=False),
        sa.Column("advice", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sa.UniqueConstraint(
            "model_id", "vae_id", "level", name="uq_verdicts_model_id_vae_id_level"
        ),
        _owned_by("artifacts", "verdicts", "model_id"),
        _owned_by("artifacts", "verdicts", "vae_id"),
    )
    op.create_index("ix_verdicts_vae_id", "verdicts", ["vae_id"])
    op.create_table(
        "evidence",
        sa.Column("verdict_id", _ID, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("check_name", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("expected", sa.Text),
        sa.Column("found", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("verdict_id", "ordinal", name="pk_evidence"),
        _owned_by("verdicts", "evidence", "verdict_id"),
    )


def _path_columns(table: str) -> tuple[sa.Column[object] | sa.Constraint, ...]:
    return (
        sa.Column("id", _ID, nullable=False),
        sa.Column("machine", sa.String(64), nullable=False),
        sa.Column("path_key", sa.String(64), nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("machine", "path_key", name=f"uq_{table}_machine_path_key"),
    )


def _stamp_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.String(40), nullable=False),
        sa.Column("ctime_ns", sa.String(40), nullable=False),
        sa.Column("device", sa.String(40), nullable=False),
        sa.Column("inode", sa.String(40), nullable=False),
    )


def _owned_by(owner: str, table: str, column: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{owner}"
    return sa.ForeignKeyConstraint([column], [f"{owner}.id"], name=name, ondelete="CASCADE")
