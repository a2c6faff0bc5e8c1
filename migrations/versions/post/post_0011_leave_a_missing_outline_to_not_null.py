"""Leave a missing outline to NOT NULL.

Why:       for a missing outline the trigger of post_0006 failed with an error of PL/pgSQL, instead of the column's.
Locks:     SHARE ROW EXCLUSIVE on geofences, for a moment.
Downgrade: restores the old trigger; loses no rows.
"""

from alembic import op

revision = "post_0011"
down_revision = "post_0010"
branch_labels = None
depends_on = None

BEFORE = """
CREATE OR REPLACE TRIGGER geofences_refuse_invalid_outline BEFORE INSERT OR UPDATE OF geometry ON geofences
FOR EACH ROW EXECUTE FUNCTION refuse_invalid_outline()"""
NOW = """
CREATE OR REPLACE TRIGGER geofences_refuse_invalid_outline BEFORE INSERT OR UPDATE OF geometry ON geofences
FOR EACH ROW WHEN (NEW.geometry IS NOT NULL) EXECUTE FUNCTION refuse_invalid_outline()"""


def upgrade() -> None:
    op.execute(NOW)


def downgrade() -> None:
    op.execute(BEFORE)
