"""Videos as results, their audio, and the language of reports."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FORMATS = "ck_requests_output_format"


def upgrade() -> None:
    """Add the columns; earlier requests have no audio, and reports in English."""
    op.execute("ALTER TABLE requests ADD COLUMN audio TEXT NOT NULL DEFAULT 'drop'")
    op.execute("ALTER TABLE requests ADD COLUMN language TEXT NOT NULL DEFAULT 'en'")
    op.execute("ALTER TABLE requests ALTER COLUMN audio DROP DEFAULT")
    op.execute("ALTER TABLE requests ALTER COLUMN language DROP DEFAULT")
    op.execute("ALTER TABLE requests ADD CONSTRAINT ck_requests_audio CHECK (audio IN ('drop', 'keep'))")
    op.execute("ALTER TABLE requests ADD CONSTRAINT ck_requests_language CHECK (language IN ('en', 'de'))")
    _allow_formats("'jpg', 'jpeg', 'png', 'webp', 'mp4'")


def downgrade() -> None:
    """Drop the columns; requests with video results must have been deleted before."""
    _allow_formats("'jpg', 'jpeg', 'png', 'webp'")
    op.execute("ALTER TABLE requests DROP COLUMN language")
    op.execute("ALTER TABLE requests DROP COLUMN audio")


def _allow_formats(listed: str) -> None:
    op.execute(f"ALTER TABLE requests DROP CONSTRAINT {_FORMATS}")
    op.execute(f"ALTER TABLE requests ADD CONSTRAINT {_FORMATS} CHECK (output_format IN ({listed}))")
