"""Requests whose videos keep their sound without speech."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Allow the new handling of sound."""
    _allow("'drop', 'keep', 'mute-speech'")


def downgrade() -> None:
    """Forbid it; requests that have it must have been deleted before."""
    _allow("'drop', 'keep'")


def _allow(listed: str) -> None:
    op.execute("ALTER TABLE requests DROP CONSTRAINT ck_requests_audio")
    op.execute(f"ALTER TABLE requests ADD CONSTRAINT ck_requests_audio CHECK (audio IN ({listed}))")
