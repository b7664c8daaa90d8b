"""The registry's tables as SQLAlchemy sees them today; how they came to be stands in migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

METADATA = MetaData(
    # Every constraint has a name, so that a migration can change it on SQLite too.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    }
)

# SQLite counts up by itself only in a column that is exactly INTEGER.
_ID = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[Any]:
    return Column("id", _ID, primary_key=True)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _owner(name: str, owner: str, index: bool = False, primary_key: bool = False) -> Column[Any]:
    key = ForeignKey(owner, ondelete="CASCADE")
    return Column(
        name, _ID, key, index=index, primary_key=primary_key, nullable=False, autoincrement=False
    )


def _key(name: str, length: int = 64) -> Column[Any]:
    return Column(name, String(length), primary_key=True)


def _ref(primary_key: bool = False) -> tuple[SchemaItem, ...]:
    """A REF, found by its SHA-256 as paths are: an address may be of any length."""
    key = Column("ref_key", String(64), primary_key=primary_key, nullable=False)
    return (key, _text("ref"))


def _path() -> tuple[SchemaItem, ...]:
    """A file or folder on one machine.

    Its path is kept as bytes, since paths may be no valid text, and found by their SHA-256, since
    PostgreSQL's indexes take no long values.
    """
    return (
        _id(),
        Column("machine", String(64), nullable=False),
        Column("path_key", String(64), nullable=False),
        Column("path", LargeBinary, nullable=False),
        _text("shown"),
        Column("seen_at", String(32), nullable=False),
        UniqueConstraint("machine", "path_key"),
    )


def _stamp() -> tuple[SchemaItem, ...]:
    """What the file system says of a file.

    All that it may choose freely is text: inodes and devices are unsigned, times may lie beyond
    the year 2262, which 64 bits of nanoseconds do not reach.
    """
    return (
        Column("size", BigInteger, nullable=False),
        Column("mtime_ns", String(40), nullable=False),
        Column("ctime_ns", String(40), nullable=False),
        Column("device", String(40), nullable=False),
        Column("inode", String(40), nullable=False),
    )


# Lists (notices, parts, dtypes, candidates, advice, images), a verdict's cost and what a reading
# measured are JSON in text columns.
artifacts = Table(
    "artifacts",
    METADATA,
    _id(),
    Column("sha256", String(64), nullable=False),
    Column("autov1", Text),
    Column("autov2", Text),
    Column("autov3", Text),
    Column("blake3", Text),
    Column("crc32", Text),
    Column("content", Text),
    Column("size", BigInteger, nullable=False),
    _text("format"),
    _text("kind"),
    Column("known_as", Text),
    _text("notices"),
    Column("identified_at", String(32), nullable=False),
    UniqueConstraint("sha256"),
)

components = Table(
    "components",
    METADATA,
    _id(),
    _owner("artifact_id", "artifacts.id"),
    Column("ordinal", Integer, nullable=False),
    _text("role"),
    _text("architecture"),
    _text("layout"),
    _text("prefix"),
    _text("parts"),
    _text("dtypes"),
    Column("tensors", BigInteger, nullable=False),
    Column("parameters", BigInteger, nullable=False),
    _text("notices"),
    Column("content", Text, index=True),
    UniqueConstraint("artifact_id", "ordinal"),
)

fingerprints = Table(
    "fingerprints",
    METADATA,
    _owner("component_id", "components.id", primary_key=True),
    Column("channels", BigInteger),
    Column("spatial_factor", Double),
    Column("temporal_factor", BigInteger),
    Column("family", Text),
    _text("candidates"),
    Column("determined_by", Text),
    Column("confidence", Double, nullable=False),
    Column("scaling_factor", Double),
    Column("shift_factor", Double),
    Column("scaling_determined_by", Text),
)

origins = Table(
    "origins",
    METADATA,
    _id(),
    _owner("artifact_id", "artifacts.id"),
    _text("source"),
    *_ref(),
    Column("revision", Text),
    Column("url", Text),
    Column("name", Text),
    Column("declared", Text),
    Column("recorded_at", String(32), nullable=False),
    UniqueConstraint("artifact_id", "ref_key"),
)

# Hashes, not ids: a pair is worth keeping before either side is recorded here.
declared_pairs = Table(
    "declared_pairs",
    METADATA,
    _key("model_sha256"),
    _key("vae_sha256"),
    *_ref(primary_key=True),
    Column("recorded_at", String(32), nullable=False),
)

lookups = Table(
    "lookups",
    METADATA,
    _key("source", 32),
    _key("sha256"),
    Column("known", Boolean, nullable=False),
    Column("looked_up_at", String(32), nullable=False),
)

locations = Table(
    "locations",
    METADATA,
    *_path(),
    *_stamp(),
    _owner("artifact_id", "artifacts.id", index=True),
    _text("state"),
)

rejections = Table("rejections", METADATA, *_path(), *_stamp(), _text("code"), _text("message"))

roots = Table("roots", METADATA, *_path())

verdicts = Table(
    "verdicts",
    METADATA,
    _id(),
    _owner("model_id", "artifacts.id"),
    _owner("vae_id", "artifacts.id", index=True),
    Column("level", String(32), nullable=False),
    _text("verdict"),
    Column("confidence", Double, nullable=False),
    Column("rules_version", Integer, nullable=False),
    Column("decided_at", String(40), nullable=False),
    _text("advice"),
    Column("cost", Text),
    Column("images", Text),
    UniqueConstraint("model_id", "vae_id", "level"),
)

evidence = Table(
    "evidence",
    METADATA,
    _owner("verdict_id", "verdicts.id", primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _text("check_name"),
    _text("outcome"),
    Column("expected", Text),
    Column("found", Text),
    _text("message"),
)

readings = Table(
    "readings",
    METADATA,
    _owner("artifact_id", "artifacts.id", primary_key=True),
    Column("probes_version", Integer, nullable=False),
    Column("response", Text),
    Column("fit", Text),
    _text("finite"),
    Column("contrast", Text),
    Column("trouble", Text),
    Column("recorded_at", String(32), nullable=False),
)
