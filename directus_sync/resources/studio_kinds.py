"""The kinds of rows behind the Studio: settings, presets, dashboards, flows, translations (Directus 11.17.4).

Columns under `not_captured` belong to each environment: docs/resources.md.
"""

from __future__ import annotations

from typing import Final

from directus_sync.resources.access_kinds import ROLE
from directus_sync.resources.kinds import About, Cost, Family, PartOf, ResourceKind

SETTING: Final = "setting"
PRESET: Final = "preset"
DASHBOARD: Final = "dashboard"
PANEL: Final = "panel"
FLOW: Final = "flow"
OPERATION: Final = "operation"
TRANSLATION: Final = "translation"

SETTINGS: Final = ResourceKind(
    name=SETTING,
    table="directus_settings",
    key=("field",),
    owned=("field", "value"),
    # The table's only row as Directus 11.17.4 creates it.
    singles={
        "project_name": "Directus",
        "project_descriptor": None,
        "default_language": "en-US",
        "default_appearance": "auto",
        "default_theme_light": None,
        "default_theme_dark": None,
        "theme_light_overrides": None,
        "theme_dark_overrides": None,
        "module_bar": None,
        "auth_password_policy": None,
        "auth_login_attempts": 25,
        "storage_asset_presets": None,
        "custom_aspect_ratios": None,
        "custom_css": None,
        "basemaps": None,
    },
    not_captured=(
        "project_url", "project_color", "project_logo", "project_id", "project_owner", "project_usage",
        "project_status", "org_name", "product_updates", "public_foreground", "public_background", "public_favicon",
        "public_note", "public_registration", "public_registration_verify_email", "public_registration_role",
        "public_registration_email_filter", "storage_asset_transform", "storage_default_folder", "mapbox_key",
        "report_error_url", "report_bug_url", "report_feature_url", "visual_editor_urls",
        "collaborative_editing_enabled", "mcp_enabled", "mcp_allow_deletes", "mcp_prompts_collection",
        "mcp_system_prompt_enabled", "mcp_system_prompt", "ai_openai_api_key", "ai_anthropic_api_key",
        "ai_system_prompt", "ai_google_api_key", "ai_openai_compatible_api_key", "ai_openai_compatible_base_url",
        "ai_openai_compatible_name", "ai_openai_compatible_models", "ai_openai_compatible_headers",
        "ai_openai_allowed_models", "ai_anthropic_allowed_models", "ai_google_allowed_models",
    ),
)  # fmt: skip
PRESETS: Final = ResourceKind(
    name=PRESET,
    table="directus_presets",
    key=("collection", "role", "bookmark"),
    owned=(
        "collection", "role", "bookmark", "icon", "color", "search", "filter", "layout", "layout_query",
        "layout_options", "refresh_interval",
    ),
    # Presets of a single user belong to that user.
    not_captured=("user",),
    where='t."user" IS NULL',
    references={"role": ROLE},
    about=About("collection"),
    attic_columns={"directus_presets": "id"},
)  # fmt: skip
DASHBOARDS: Final = ResourceKind(
    name=DASHBOARD,
    table="directus_dashboards",
    key=("id",),
    owned=("name", "icon", "color", "note"),
    not_captured=("date_created", "user_created"),
    stored=True,
    attic_columns={"directus_dashboards": "id", "directus_panels": "dashboard"},
    cost=Cost("SELECT count(*) FROM public.directus_panels WHERE dashboard = %s", PANEL, "goes with it", "go with it"),
    title="name",
)
PANELS: Final = ResourceKind(
    name=PANEL,
    table="directus_panels",
    key=("dashboard", "name"),
    owned=(
        "dashboard", "name", "type", "position_x", "position_y", "width", "height", "show_header", "icon", "color",
        "note", "options",
    ),
    not_captured=("date_created", "user_created"),
    # The Studio stores an emptied name as an empty text.
    read={"name": "nullif(t.name, '')"},
    references={"dashboard": DASHBOARD},
    part_of=PartOf("dashboard", "panels", deletes=False),
    attic_columns={"directus_panels": "id"},
)  # fmt: skip
FLOWS: Final = ResourceKind(
    name=FLOW,
    table="directus_flows",
    key=("id",),
    owned=("name", "icon", "color", "description", "status", "trigger", "accountability", "options", "operation"),
    not_captured=("date_created", "user_created"),
    references={"operation": OPERATION},
    stored=True,
    attic_columns={"directus_flows": "id", "directus_operations": "flow"},
    cost=Cost(
        "SELECT count(*) FROM public.directus_operations WHERE flow = %s", OPERATION, "goes with it", "go with it"
    ),
    title="name",
)
OPERATIONS: Final = ResourceKind(
    name=OPERATION,
    table="directus_operations",
    key=("flow", "id"),
    owned=("flow", "key", "name", "type", "position_x", "position_y", "options", "resolve", "reject"),
    not_captured=("date_created", "user_created"),
    references={"flow": FLOW},
    part_of=PartOf("flow", "operations"),
    # PostgreSQL requires that the targets exist, and that no two operations have the same one.
    links=("resolve", "reject"),
    stored=True,
    attic_columns={"directus_operations": "id"},
    title="key",
)
TRANSLATIONS: Final = ResourceKind(
    name=TRANSLATION,
    table="directus_translations",
    key=("language", "key"),
    owned=("language", "key", "value"),
    attic_columns={"directus_translations": "id"},
)

STUDIO: Final = Family("resources", (SETTINGS, PRESETS, DASHBOARDS, PANELS, FLOWS, OPERATIONS, TRANSLATIONS))
