"""Identity rules of requests: the people whose faces are redacted or kept."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS = (
    "identity_mode TEXT",
    "gallery_id UUID",
    "identity_threshold DOUBLE PRECISION",
    "unknown_faces TEXT",
    "people_threshold DOUBLE PRECISION",
    "people_faces INTEGER",
    "people_digest BYTEA",
)
_CHECKS = {
    "identity_mode": "identity_mode IN ('except', 'only')",
    "unknown_faces": "unknown_faces IN ('redact', 'keep')",
    "identity_threshold": "identity_threshold > 0 AND identity_threshold <= 1",
    "people_threshold": "people_threshold > 0 AND people_threshold <= 1",
    "people_faces": "people_faces > 0",
    "people_digest": "octet_length(people_digest) = 32",
    "identities": (
        "num_nulls(identity_mode, gallery_id, unknown_faces, people_threshold, people_faces, people_digest) "
        "IN (0, 6) AND (identity_threshold IS NULL OR identity_mode IS NOT NULL)"
    ),
}


def upgrade() -> None:
    """Add the columns; earlier requests redact all faces."""
    for column in _COLUMNS:
        op.execute(f"ALTER TABLE requests ADD COLUMN {column}")
    for name, condition in _CHECKS.items():
        op.execute(f"ALTER TABLE requests ADD CONSTRAINT ck_requests_{name} CHECK ({condition})")


def downgrade() -> None:
    """Drop the columns and their constraints."""
    for column in reversed(_COLUMNS):
        op.execute(f"ALTER TABLE requests DROP COLUMN {column.split()[0]}")
