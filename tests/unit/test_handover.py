"""Becoming another program: it gets the environment without the credentials of the deploy."""

from __future__ import annotations

import os
import subprocess
import sys

DEPLOY_ONLY = {
    "ADMIN_TOKEN": "admin-token",
    "ADMIN_PASSWORD": "admin-password",
    "DIRECTUS_SYNC_DB_USER": "deploys",
    "DIRECTUS_SYNC_DB_PASSWORD": "deploy-password",
    "DIRECTUS_SYNC_DB_CONNECTION_STRING": "postgresql://deploys:deploy-password@db/d",
}


def test_a_program_that_a_boot_starts_gets_no_credentials_of_the_deploy() -> None:
    program = (
        "from directus_sync import settings\nfrom directus_sync.process import handover\n"
        "handover.become(['env'], settings.serving_environment())"
    )
    environment = {"PATH": os.environ["PATH"], "DB_USER": "serves", "DB_PASSWORD": "serving-password", **DEPLOY_ONLY}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    given = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert (given["DB_USER"], given["DB_PASSWORD"]) == ("serves", "serving-password")
    assert not set(DEPLOY_ONLY) & set(given)
    assert not set(DEPLOY_ONLY.values()) & set(given.values())
