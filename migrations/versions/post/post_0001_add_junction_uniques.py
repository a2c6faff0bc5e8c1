"""Add the composite unique constraints of the organisation junctions.

Why:       a user, vehicle or device belongs to an organisation only once. Directus can declare only single columns
           unique.
Locks:     ACCESS EXCLUSIVE on each of three small tables while its index is built.
Downgrade: drops the three constraints; loses no rows.
"""

from migrations import ddl

revision = "post_0001"
down_revision = None
branch_labels = ("post",)
depends_on = None

UNIQUES = (
    ("organization_users", ("organization_id", "user_id"), "organization_users_organization_id_user_id_key"),
    (
        "organization_vehicles",
        ("organization_id", "vehicle_id"),
        "organization_vehicles_organization_id_vehicle_id_key",
    ),
    (
        "organization_devices",
        ("organization_id", "device_id"),
        "organization_devices_organization_id_device_id_key",
    ),
)


def upgrade() -> None:
    for table, columns, name in UNIQUES:
        ddl.add_unique(table, columns, name)


def downgrade() -> None:
    for table, _, name in UNIQUES:
        ddl.drop_unique(table, name)
