"""Check the ranges of race numbers.

Why:       a class can limit the race numbers of its entries. A range that contains no number would refuse every entry.
Locks:     ACCESS EXCLUSIVE on classes, a small table, while its rows are checked.
Downgrade: drops the constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0012"
down_revision = "post_0011"
branch_labels = None
depends_on = None

CHECKS = (
    ("race_number_min > 0", "classes_race_number_min_check"),
    ("race_number_max >= coalesce(race_number_min, 1)", "classes_race_number_max_check"),
)


def upgrade() -> None:
    for condition, name in CHECKS:
        ddl.add_check("classes", condition, name)


def downgrade() -> None:
    for _, name in CHECKS:
        ddl.drop_check("classes", name)
