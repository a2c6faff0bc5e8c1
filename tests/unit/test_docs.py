"""The documentation and the code say the same: targets, commands, options, settings, errors, links and JSON keys."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import json
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from dotenv import dotenv_values

import directus_sync
from directus_sync import attic, cli, settings
from directus_sync.catalog import Difference, Drift, Object
from directus_sync.catalog import Kind as ObjectKind
from directus_sync.catalog.upkeep import Verified
from directus_sync.errors import Refused, RefusedPlan, SyncError, WrongSettings
from directus_sync.report import copies, plans, results
from directus_sync.report.outcome import Checked, Deployed, Seeded, Status
from directus_sync.schema import approvals, saved_plan
from directus_sync.schema.diff import Action, Kind
from directus_sync.schema.plan import Approvals, Mover, Plan
from directus_sync.schema.rules import Rule
from directus_sync.schema.snapshot import Snapshot
from directus_sync.seed import Action as RowAction
from directus_sync.seed import reading
from directus_sync.seed.planning import Edit, Judged
from directus_sync.seed.rows import rows as seed_rows
from directus_sync.settings import ROOT, Mode
from directus_sync.state.revisions import Revision
from tests.seeds import KNOWN, a_file

Planned = Callable[..., Plan]

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUARD = (ROOT / "docs" / "guard.md").read_text(encoding="utf-8")
PLAN = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
# Read by Directus, and handed on by the tool unread.
HANDED_ON = {"PUBLIC_URL"}
# Raised by nobody: they only hold their children together.
FAMILIES = {SyncError.id, Refused.id, RefusedPlan.id}
# What these hold is described elsewhere, or is named by the user.
OPAQUE = {
    "pending", "schema", "pushed", "allow_destroy", "diff", "before", "after", "heads", "deploy", "copy",
}  # fmt: skip


def blocks(text: str, info: str) -> list[str]:
    """Return the fenced blocks that begin with this info string."""
    return [textwrap.dedent(body) for _, found, body in FENCE.findall(text) if found == info]


def code(page: Path) -> Iterator[str]:
    """Yield what is set as code: shell blocks and spans. JSON is looked at elsewhere."""
    text = page.read_text(encoding="utf-8")
    yield from (textwrap.dedent(body) for _, info, body in FENCE.findall(text) if not info.startswith("json"))
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level."""
    found = re.search(
        rf"^(?P<level>#+) {re.escape(heading)}$(?P<body>.*?)(?=^(?P=level) |^# |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, heading
    return found["body"]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row, heads and rulers included."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\|.*\|$", text, re.M)]


def table(text: str) -> dict[str, list[str]]:
    """Return the cells behind the name in each row's first cell; only rows that begin with a name in backticks."""
    named = (row for row in rows(text) if re.fullmatch(r"`[^`]+`", row[0]))
    return {row[0].strip("`"): row[1:] for row in named}


# Commands


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def commands() -> dict[str, set[str]]:
    """Return every command of the tool with its options; `attic list` is one."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
        for word, child in getattr(command, "commands", {}).items():
            yield from walk(child, f"{name} {word}".strip())
        if not hasattr(command, "commands"):
            yield name, {option for parameter in command.params for option in parameter.opts if option[0] == "-"}

    return {name: options | {"--help"} for name, options in walk(cli.app, "")}


def invocations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each `directus-sync ...` of a text as command and options."""
    for found in re.findall(r"(?<![\w./])(?:\.venv/bin/)?directus-sync((?: +[^\s`;|&#)]+)+)", text):
        words = [word.rstrip(",.:").partition("=")[0] for word in found.split()]
        number = 2 if words[0] == "attic" else 1
        yield " ".join(words[:number]), [word for word in words[number:] if word.startswith("--")]


@EACH_PAGE
def test_every_make_target_exists(page: Path) -> None:
    for text in code(page):
        for found in re.findall(r"(?:^|\$\(|; |&& )make(?: -\w+)*((?: [a-z][a-z-]*(?![\w=-]))+)", text, re.MULTILINE):
            assert set(found.split()) <= targets(), text


@EACH_PAGE
def test_every_command_and_option_exists(page: Path) -> None:
    known = commands()
    for text in code(page):
        for name, options in invocations(text):
            assert name in known, text
            assert set(options) <= known[name], text


@EACH_PAGE
def test_every_option_that_stands_alone_exists(page: Path) -> None:
    known = set.union(*commands().values()) | {"--version"}
    for text in code(page):
        # In SQL a comment begins with a blank.
        if re.match(r"--\w", text):
            assert text.split()[0] in known


def test_the_readme_lists_every_command() -> None:
    listed = [name for text in table(section(README, "Commands")) for name, _ in invocations(text)]
    assert sorted(listed) == sorted(commands())


def test_the_readme_s_exit_codes_are_those_of_the_tool() -> None:
    listed = {int(row[0]) for row in rows(section(README, "Commands")) if row[0].isdecimal()}
    assert listed == {0, 3} | {kind.exit_code for kind in kinds()}


def test_every_mode_is_described() -> None:
    assert set(table(section(GUARD, "Modes"))) == {mode.value for mode in Mode}
    (about,) = table(section(README, "Settings"))["DIRECTUS_SCHEMA_APPLY_MODE"][1:]
    assert {mode.value for mode in Mode} <= set(re.findall(r"`([^`]+)`", about))


# Errors


def kinds() -> list[type[SyncError]]:
    """Return the tool's errors, wherever they are defined."""
    for module in pkgutil.iter_modules(directus_sync.__path__, "directus_sync."):
        importlib.import_module(module.name)

    def below(kind: type[SyncError]) -> Iterator[type[SyncError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    return [kind for kind in below(SyncError) if kind.__module__.startswith("directus_sync.")]


def test_the_readme_has_an_entry_for_every_error_with_its_exit_code() -> None:
    listed: dict[str, int] = {}
    for row in rows(section(README, "Errors")):
        if row[0].startswith("`"):
            ids, codes, meaning, step = row
            listed |= dict(zip(re.findall(r"`([^`]+)`", ids), map(int, codes.split(", ")), strict=True))
            assert meaning, ids
            assert step, ids
    assert listed == {kind.id: kind.exit_code for kind in kinds()}


def test_the_page_of_errors_has_every_error_once() -> None:
    ids = re.findall(r"^### `([^`]+)`$", ERRORS, re.MULTILINE)
    assert sorted(ids) == sorted({kind.id for kind in kinds()} - FAMILIES)


@EACH_PAGE
def test_every_error_that_is_shown_exists(page: Path) -> None:
    shown = re.findall(r"error\[([^]]+)\]", page.read_text(encoding="utf-8"))
    assert set(shown) <= {kind.id for kind in kinds()}


def test_every_reason_to_refuse_is_in_the_table_of_the_guard() -> None:
    rules = {rule.value for rule in Rule}
    assert rules <= set(re.findall(r"`([a-z-]+)`", section(README, "The guard")))
    assert rules <= set(re.findall(r"error\[([^]]+)\]", GUARD))


# Settings


def names_read() -> set[str]:
    """Return the names of variables in settings.py."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", text)}


def example() -> dict[str, str]:
    """Return every variable of .env.example, those that are commented out included."""
    text = re.sub(r"^# ?(?=[A-Z_]+=)", "", EXAMPLE, flags=re.MULTILINE)
    return {name: value or "" for name, value in dotenv_values(stream=StringIO(text)).items()}


def settings_table() -> dict[str, list[str]]:
    """Return the first table of the section; the second is of the set-up."""
    return table(section(README, "Settings").partition("\nTwo more")[0])


def test_the_readme_lists_every_setting() -> None:
    assert set(settings_table()) == names_read() | HANDED_ON


def test_the_template_of_env_has_every_setting() -> None:
    # What says that no such file is read can't stand in it.
    assert set(example()) == (names_read() - {"CONFIG_PATH"}) | HANDED_ON


def test_no_other_module_reads_a_setting_of_its_own() -> None:
    for path in Path(directus_sync.__file__).parent.glob("*.py"):
        found = set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", path.read_text(encoding="utf-8")))
        assert found <= names_read() | {"PATH"}, path.name


def test_the_readme_lists_what_the_set_up_reads() -> None:
    listed = set(table(section(README, "Settings"))) - set(settings_table())
    sources = [*(ROOT / "tools" / "devstack").glob("*.py"), ROOT / "tools" / "devstack" / "venv.sh"]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    read = re.findall(r"os\.environ(?:\.get\(|\[)\"([A-Z_]+)\"|\$\{([A-Z_]+):", text)
    assert listed == {name for pair in read for name in pair if name} - {"PATH"}


def test_the_template_of_env_names_no_database_until_it_is_filled_in() -> None:
    with pytest.raises(WrongSettings, match="no database is named"):
        settings.load({}, ROOT / ".env.example")


def test_the_template_of_env_shows_the_defaults(load: Callable[..., settings.Settings], tmp_path: Path) -> None:
    shown = load(**{name: value for name, value in example().items() if value})
    for known in dataclasses.fields(shown):
        if known.name != "environ":
            assert getattr(shown, known.name) == getattr(load(), known.name)
    assert shown.excluded_tables == load().excluded_tables


def test_the_readme_and_the_template_of_env_show_the_same_defaults() -> None:
    for name, value in example().items():
        if value:
            assert settings_table()[name][0] == value


def test_what_is_required_is_marked_and_how_to_make_secrets_is_said() -> None:
    for name in ("DB_HOST", "KEY", "ADMIN_EMAIL"):
        (paragraph,) = (part for part in EXAMPLE.split("\n\n") if re.search(rf"^{name}=", part, re.MULTILINE))
        assert "# Required" in paragraph
    for name in ("KEY", "SECRET", "ADMIN_TOKEN"):
        assert re.search(rf"^# {name}[^=]*: +(openssl rand|python3 -c)", EXAMPLE, re.MULTILINE)


# Links and samples


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EACH_PAGE
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= set(re.findall(r"\]\(([^)#]+)", README))


@EACH_PAGE
def test_every_sample_of_python_is_python(page: Path) -> None:
    for sample in blocks(page.read_text(encoding="utf-8"), "python"):
        ast.parse(sample)


def test_the_sample_of_approvals_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "removals.yaml"
    (sample,) = blocks(README, "yaml")
    path.write_text(sample, encoding="utf-8")
    assert [removal.item for removal in approvals.read(path)] == ["events.notes"]


def test_the_sample_of_a_seed_file_can_be_read() -> None:
    (sample,) = blocks((ROOT / "docs" / "seeds.md").read_text(encoding="utf-8"), "yaml")
    assert len(reading.parse(sample.encode(), Path("seeds.md")).rows) == 5


# Documents for programs


def keys(document: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return the paths of all keys: `items[].id`."""
    found = set()
    for key, value in document.items():
        path = f"{prefix}{key}{'[]' if isinstance(value, list) else ''}"
        parts = value if isinstance(value, list) else [value]
        inside = (keys(part, f"{path}.") for part in parts if isinstance(part, dict) and key not in OPAQUE)
        found |= {path}.union(*inside)
    return found


def documented(heading: str, info: str) -> set[str]:
    """Return the keys of a section's table, once they are seen to be those of its example."""
    (example_text,) = blocks(section(PLAN, heading), f"json {info}")
    listed = set(table(section(PLAN, heading)))
    assert keys(json.loads(example_text)) == listed
    return listed


def test_a_plan_is_as_documented(planned: Planned, captured_answers: Mapping[str, Any]) -> None:
    real: set[str] = set()
    for edit in captured_answers:
        real |= keys(plans.plan_document(planned(edit, rows=1)))
    assert documented("A plan", "plan") == real | {"version"}


@pytest.mark.parametrize(
    ("heading", "key", "values"),
    [
        ("A plan", "items[].action", [action.value for action in Action]),
        ("A plan", "items[].kind", [kind.noun for kind in Kind]),
        ("A plan", "items[].moved_by", [mover.value for mover in Mover]),
        ("A plan", "items[].refused", [rule.value for rule in Rule]),
        ("A seed", "rows[].action", [action.value for action in RowAction if action is not RowAction.NONE]),
        ("A check", "catalog[].drift", [drift.value for drift in Drift]),
    ],
)
def test_the_values_of_a_key_are_documented(heading: str, key: str, values: list[str]) -> None:
    (about,) = table(section(PLAN, heading))[key]
    assert re.findall(r"`([^`]+)`", about) == values


def test_a_check_is_as_documented(planned: Planned) -> None:
    lost = Difference(Drift.MISSING, Object(ObjectKind.EXTENSION, "timescaledb"), "", None)
    found = Checked({"pre": (), "post": ()}, bootstrap=False, plan=planned("note_changed"), drift=(lost,))
    assert documented("A check", "check") == keys(results.checked_document(found)) | {"version"}


def test_a_deploy_is_as_documented(planned: Planned) -> None:
    revision = Revision("pre_0001", "pre_0001_create")
    done = Deployed((revision,), True, planned("note_changed"), (), Verified(), seconds=1.0)
    assert documented("A deploy", "deploy") == keys(results.deployed_document(done)) | {"version"}


def test_a_seed_is_as_documented() -> None:
    (row,) = seed_rows([a_file("clubs:\n- slug: a")], KNOWN)
    done = Seeded((("a.yaml", Judged(row, RowAction.LEAVE, edits=(Edit("name", "a", "b"),))),), False, seconds=0.1)
    assert documented("A seed", "seed") == keys(results.seeded_document(done)) | {"version"}


def test_a_saved_plan_is_as_documented(planned: Planned, live: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    saved_plan.write(path, planned("note_changed"), live.sha256, Approvals())
    assert documented("A saved plan", "saved") == keys(json.loads(path.read_text(encoding="utf-8")))
    assert saved_plan.FORMAT in PLAN


def test_a_status_is_as_documented() -> None:
    found = Status("h:5432/d", {}, lock_holder=None, deploy=None, snapshot_sha256="", recorded_sha256=None)
    assert documented("A status", "status") == keys(dataclasses.asdict(found)) | {"version"}


@pytest.fixture
def copy() -> attic.Copy:
    item = attic.Item("vehicles", "plate")
    return attic.Copy(7, item, 2, datetime(2026, 5, 2, tzinfo=UTC), UUID(int=1), "deploy", "web-1", "f" * 64, None)


def test_the_list_of_copies_is_as_documented(copy: attic.Copy) -> None:
    listed = {"copies": [copies.copy_document(copy)]}
    assert documented("The attic's copies", "copies") == keys(listed) | {"version"}


def test_a_restore_is_as_documented(copy: attic.Copy) -> None:
    done = attic.Restored(copy, 1, 0, (attic.Rejected("42", "the row is gone"),), ())
    # As JSON has it: lists for tuples.
    document = json.loads(json.dumps(copies.restored_document(done), default=str))
    assert documented("A restore", "restore") == keys(document) | {"version"}
