"""Add the composite unique constraints of event participation.

Why:       slugs are unique within an organisation, class codes and race numbers within an event. A person or a device
           appears once in an entry.
Locks:     ACCESS EXCLUSIVE on each of five small tables while its index is built.
Downgrade: drops the five constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0002"
down_revision = "post_0001"
branch_labels = None
depends_on = None

UNIQUES = (
    ("events", ("organization_id", "slug"), "events_organization_id_slug_key"),
    ("classes", ("event_id", "code"), "classes_event_id_code_key"),
    ("entries", ("event_id", "race_number"), "entries_event_id_race_number_key"),
    ("entry_crew", ("entry_id", "user_id"), "entry_crew_entry_id_user_id_key"),
    ("entry_devices", ("entry_id", "device_id"), "entry_devices_entry_id_device_id_key"),
)


def upgrade() -> None:
    for table, columns, name in UNIQUES:
        ddl.add_unique(table, columns, name)


def downgrade() -> None:
    for table, _, name in UNIQUES:
        ddl.drop_unique(table, name)
