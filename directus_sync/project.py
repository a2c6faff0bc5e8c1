"""What the tool knows of the project that it deploys. All else is in the files: for another project, change this."""

from __future__ import annotations

from typing import Final

# Tables in `public` that Alembic owns. Directus must not see them, and no snapshot may name them.
ALEMBIC_TABLES: Final = ("positions", "last_positions", "recompute_requests", "spatial_ref_sys")
# Schemas that Alembic owns. No role of roles.yaml may enter them.
ALEMBIC_SCHEMAS: Final = ("audit",)
# A tenant is an organisation. A membership is a row that names an organisation, a user and the user's role in it.
ORGANIZATIONS: Final = "organizations"
MEMBERSHIPS: Final = "organization_users"
MEMBER_OF: Final = "organization_id"
# The extension answers here which of its parts are registered.
HEALTH: Final = "/trm/health"
# For hints: a policy of the access files, and the command line with the settings of the local stack.
POLICY: Final = "trm-org-admin"
RUN: Final = ".venv/bin/python -m tools.devstack run -- .venv/bin/directus-sync "
