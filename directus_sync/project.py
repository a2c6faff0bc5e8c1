"""What the code knows about TRM. To use the tool for another project, change this module; all else is in files."""

from __future__ import annotations

from typing import Final

# Tables in `public` that Alembic owns. Directus must not see them, and no snapshot may name them.
ALEMBIC_TABLES: Final = ("positions", "last_positions", "recompute_requests", "spatial_ref_sys")
# Database schemas that Alembic owns. No role of roles.yaml gets access to them.
ALEMBIC_SCHEMAS: Final = ("audit",)
# A tenant is an organisation. A membership is a row that names an organisation, a user and the user's role in it.
ORGANIZATIONS: Final = "organizations"
MEMBERSHIPS: Final = "organization_users"
MEMBER_OF: Final = "organization_id"
# Route of the extension that names its registered parts.
HEALTH: Final = "/trm/health"
# For hints in messages: a policy of the access files, and the prefix of a command with the local stack's settings.
POLICY: Final = "trm-org-admin"
RUN: Final = ".venv/bin/python -m tools.devstack run -- .venv/bin/directus-sync "
