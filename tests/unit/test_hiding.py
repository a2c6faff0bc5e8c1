"""Secrets of the environment are hidden in all output, in every form and context."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directus_sync import output
from directus_sync.errors import SyncError
from directus_sync.settings import Settings, hiding
from tests.planted import PLANTED, forms, leaked

Load = Callable[..., Settings]


def printed(capsys: pytest.CaptureFixture[str], text: str) -> str:
    output.unforeseen(RuntimeError(text))
    output.result(text)
    output.error(SyncError(f"its output ends with:\n{text}", where=text, next=text))
    output.document({"text": text, "list": [text]})
    return "".join(capsys.readouterr())


def test_twenty_planted_secrets_are_hidden_in_every_form(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(PLANTED) == 20
    output.hide(load(**{name: value for name, value, _ in PLANTED}).secrets)
    for name, value, secret in PLANTED:
        for form in {value, unquote(secret), *forms(secret)}:
            for around in (form, f"'{form}'", f"a={form}&b", f"\n{form}\n", f"redis://u:{form}@h", json.dumps(form)):
                assert not leaked(printed(capsys, around), {name}), (name, around)


@given(
    secret=st.text("abcXYZ019/+=%@:&?#'\"\\ äß-_.", min_size=hiding.SHORTEST).filter(lambda text: text == text.strip()),
    before=st.sampled_from(["", " ", "/", ":", "'", "=", "\n"]),
)
def test_a_secret_of_any_characters_is_found_in_all_its_forms(secret: str, before: str) -> None:
    output.hide(sorted(hiding.forms([secret]), key=len, reverse=True))
    for form in forms(secret):
        assert secret not in output.hidden(f"{before}{form}{before}")


def test_a_secret_in_a_file_that_only_directus_reads_is_hidden(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    path.write_text("smtp-of-a-file\n", encoding="utf-8")
    assert "smtp-of-a-file" in load(EMAIL_SMTP_PASSWORD_FILE=str(path)).secrets
    assert str(path) not in load(EMAIL_SMTP_PASSWORD_FILE=str(path)).secrets


@pytest.mark.parametrize(
    "variable",
    [
        "REFRESH_TOKEN_COOKIE_NAME=directus_refresh_token",
        "ACCESS_TOKEN_TTL=15m",
        "AUTH_PROVIDERS=google,okta",
        "DB_HOST_URL=postgresql://postgres@db.example/d",
        "PUBLIC_URL=https://directus.example/a@b",
        "HOME=/home/directus",
        "SHORT_KEY=abc",
    ],
)
def test_a_value_that_is_not_secret_is_not_hidden(variable: str) -> None:
    name, _, value = variable.partition("=")
    assert hiding.in_environment({name: value}) == frozenset()


def test_an_unexpected_error_is_printed_without_secrets() -> None:
    program = """
import sys
from directus_sync import __main__, output
def fail():
    output.hide(["hunter22-of-a-traceback"])
    raise KeyError("hunter22-of-a-traceback")
__main__._run = fail
__main__.main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: '***'" in done.stderr
    assert "hunter22" not in done.stderr.replace('output.hide(["hunter22-of-a-traceback"])', "")
