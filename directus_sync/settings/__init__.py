"""The settings. They are read once from the environment and `.env`; no other package reads those.

A setting that Directus also has keeps Directus's name, so that one environment serves both.
"""

from directus_sync.settings.model import (
    ROOT,
    DatabaseSettings,
    Mode,
    Settings,
    access_files,
    is_there,
    resource_files,
)
from directus_sync.settings.reading import age, load, make_target, serving_environment, wants_colour
from directus_sync.settings.table import SECRET_NAMES, SETTINGS

__all__ = [
    "ROOT", "SECRET_NAMES", "SETTINGS", "DatabaseSettings", "Mode", "Settings",
    "access_files", "age", "is_there", "load", "make_target", "resource_files", "serving_environment", "wants_colour",
]  # fmt: skip
