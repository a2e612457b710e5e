"""Tables of galleries and enrolled faces; requires pgvector."""

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from framecloak.domain.errors import ExtensionMissingError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LEAST_VERSION = (0, 8)
"""Minimum version of pgvector; earlier ones lack iterative index scans, which find enough matching rows."""

_VERSION = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"

_STATEMENTS = (
    """
    CREATE TABLE galleries (
        id UUID NOT NULL,
        owner_id BIGINT NOT NULL,
        name BYTEA NOT NULL,
        model_name TEXT NOT NULL,
        model_sha256 TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        key_id TEXT NOT NULL,
        old_key_id TEXT,
        face_count INTEGER DEFAULT 0 NOT NULL,
        indexed BOOLEAN DEFAULT false NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT pk_galleries PRIMARY KEY (id),
        CONSTRAINT ck_galleries_model_sha256 CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
        CONSTRAINT ck_galleries_dimension CHECK (dimension BETWEEN 1 AND 4000),
        CONSTRAINT ck_galleries_old_key_id CHECK (old_key_id <> key_id),
        CONSTRAINT ck_galleries_face_count CHECK (face_count >= 0),
        CONSTRAINT fk_galleries_owner_id_users FOREIGN KEY (owner_id)
            REFERENCES users (id) ON DELETE RESTRICT
    )
    """,
    "CREATE INDEX ix_galleries_owner_id_created_at ON galleries (owner_id, created_at)",
    "CREATE INDEX ix_galleries_expires_at ON galleries (expires_at) WHERE expires_at IS NOT NULL",
    # A vector of 512 numbers slightly exceeds the default size above which Postgres moves values out of the
    # row (TOAST). That would cost one more lookup for each compared row.
    """
    CREATE TABLE gallery_faces (
        id UUID NOT NULL,
        gallery_id UUID NOT NULL,
        key_id TEXT NOT NULL,
        person BYTEA NOT NULL,
        label BYTEA NOT NULL,
        metadata BYTEA NOT NULL,
        vector VECTOR NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT pk_gallery_faces PRIMARY KEY (id),
        CONSTRAINT ck_gallery_faces_person CHECK (octet_length(person) = 16),
        CONSTRAINT fk_gallery_faces_gallery_id_galleries FOREIGN KEY (gallery_id)
            REFERENCES galleries (id) ON DELETE CASCADE
    ) WITH (toast_tuple_target = 8160)
    """,
    "CREATE INDEX ix_gallery_faces_gallery_id_key_id ON gallery_faces (gallery_id, key_id)",
    "CREATE INDEX ix_gallery_faces_gallery_id_created_at ON gallery_faces (gallery_id, created_at, id)",
)


def upgrade() -> None:
    """Add the tables, and the extension pgvector when missing."""
    _require_pgvector()
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables and all enrolled faces; pgvector stays, because other applications may use it."""
    op.drop_table("gallery_faces")
    op.drop_table("galleries")


def _require_pgvector() -> None:
    """Create the extension if necessary, and check its version.

    Raises:
        ExtensionMissingError: it is not installed, cannot be created, or is too old.
    """
    connection = op.get_bind()
    try:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as error:
        raise ExtensionMissingError(
            "the database has no pgvector, and it cannot be added",
            "install pgvector on the server and have a superuser run, in this database: "
            "CREATE EXTENSION vector",
        ) from error
    version = str(connection.execute(text(_VERSION)).scalar_one())
    if tuple(int(part) for part in version.split(".")[:2]) < _LEAST_VERSION:
        raise ExtensionMissingError(
            f"the database has pgvector {version}, which is too old",
            "install 0.8 or later and have its owner run: ALTER EXTENSION vector UPDATE",
        )
