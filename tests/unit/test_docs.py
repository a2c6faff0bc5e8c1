"""README and docs/ agree with the code: commands, options, settings, errors, paths and links."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import directus_sync
from directus_sync import cli
from directus_sync.errors import EXIT_CODES, Refused, RefusedPlan, SyncError
from directus_sync.schema import approvals
from directus_sync.schema.diff import Action, Change, ItemKind
from directus_sync.schema.plan import Mover, PlanItem, Verdict
from directus_sync.schema.rules import SchemaRule
from directus_sync.seed import reading
from directus_sync.settings import ROOT, Mode
from tests import pages
from tests.pages import PAGES, section, table
from tools import reference

README = pages.read("README.md")
GUARD = pages.read("docs/guard.md")
ERRORS = pages.read("docs/errors.md")

EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

# Base classes, whose ids no message shows.
FAMILIES: set[type[SyncError]] = {SyncError, Refused, RefusedPlan}
# Files that users may create.
OPTIONAL = {"snapshots/removals.yaml", "snapshots/access/"}


# Commands


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", pages.read("Makefile"), re.MULTILINE))


def commands() -> dict[str, set[str]]:
    """Return every command of the tool, such as `attic list`, with its options."""

    def walk(command: click.Command | None, name: str) -> Iterator[tuple[str, set[str]]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for word in command.list_commands(context):
                yield from walk(command.get_command(context, word), f"{name} {word}".strip())
        elif command is not None:
            yield name, {option for parameter in command.params for option in parameter.opts if option[0] == "-"}

    return {name: options | {"--help"} for name, options in walk(cli.app, "")}


def invocations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the command and the options of each `directus-sync ...` in a text."""
    for found in re.findall(r"(?<![\w./])(?:\.venv/bin/)?directus-sync((?: +[^\s`;|&#)]+)+)", text):
        words = [word.rstrip(",.:").partition("=")[0] for word in found.split() if word != "-v"]
        number = 0 if words[0] == "--help" else 2 if words[0] == "attic" else 1
        yield " ".join(words[:number]), [word for word in words[number:] if re.match(r"--\w", word)]


@EACH_PAGE
def test_every_target_command_option_and_module_exists(page: Path) -> None:
    known = commands() | {"": {"--help"}}
    options_alone = set.union(*known.values()) | {"--version"}
    for text in pages.code(page):
        for found in re.findall(r"(?:^|\$\(|; |&& )make(?: -\w+)*((?: [a-z][a-z-]*(?![\w=-]))+)", text, re.MULTILINE):
            assert set(found.split()) <= targets(), text
        for name, options in invocations(text):
            assert name in known, text
            assert set(options) <= known[name], text
        # In SQL a comment begins with "-- ".
        if re.match(r"--\w", text):
            assert text.split()[0] in options_alone
        for module in re.findall(r"python3? -m ([\w.]+)", text):
            assert importlib.util.find_spec(module), text


def test_every_mode_is_described() -> None:
    modes = {mode.value for mode in Mode}
    assert set(table(section(pages.read("docs/deploy.md"), "Modes"))) == modes
    (about,) = table(pages.generated("settings"))["DIRECTUS_SCHEMA_APPLY_MODE"][1:]
    assert modes <= set(pages.spans(about))


# Errors


def test_every_error_has_a_section() -> None:
    ids = re.findall(r"^### `([^`]+)`$", ERRORS, re.MULTILINE)
    assert sorted(ids) == sorted(reference.all_errors())


@EACH_PAGE
def test_every_error_id_on_a_page_exists(page: Path) -> None:
    assert set(re.findall(r"error\[([^]]+)\]", page.read_text(encoding="utf-8"))) <= set(reference.all_errors())


def test_every_rule_of_the_guard_has_a_line_and_an_example() -> None:
    rules = {rule.id for rule in SchemaRule}
    assert rules <= set(pages.spans(section(GUARD, "Rules")))
    assert rules <= set(re.findall(r"error\[([^]]+)\]", section(GUARD, "Refusals")))


@pytest.mark.parametrize("rule", SchemaRule)
def test_the_examples_of_refusals_end_with_the_steps_of_their_rule(rule: SchemaRule) -> None:
    samples = [
        text
        for page in ("README.md", "docs/guard.md")
        for text in pages.blocks(pages.read(page), "")
        if text.startswith(f"error[{rule.id}]")
    ]
    assert samples
    for sample in samples:
        name = sample.splitlines()[2].split()[0]
        collection, _, field = name.partition(".")
        verdict = Verdict(Change(Action.CHANGE, ItemKind.FIELD, collection, field or None), Mover.GIT)
        item = PlanItem(verdict, 0, rule, look_alikes=("licence",))
        error = str(RefusedPlan("", id=rule.id, where="", next="\n".join(rule.value.steps([item]))))
        assert sample.rstrip().endswith(error[error.index("  next:") :])


# Pages, paths, links and samples


def test_every_error_that_the_code_raises_is_in_the_table() -> None:
    for module in pkgutil.walk_packages(directus_sync.__path__, "directus_sync."):
        importlib.import_module(module.name)
    kinds: list[type[SyncError]] = [SyncError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    codes = {kind.id: kind.exit_code for kind in kinds if kind not in FAMILIES}
    listed = {name: code for name, (code, _, _) in reference.all_errors().items()}
    assert codes.items() <= listed.items()
    assert set(listed.values()) | {0, 3} == set(EXIT_CODES)


def test_each_generated_table_is_on_one_page() -> None:
    assert sorted(pages.generated_names()) == ["commands", "errors", "exit-codes", "settings"]


def test_the_readme_has_at_most_250_lines() -> None:
    assert len(README.splitlines()) <= 250


def test_every_page_can_be_reached_from_the_readme() -> None:
    assert {str(page.relative_to(ROOT)) for page in PAGES[1:]} <= set(re.findall(r"\]\(([^)#]+)", README))


def test_the_layout_names_folders_that_exist_and_every_part_of_the_tool() -> None:
    (layout,) = pages.blocks(section(README, "Layout"), "")
    own = re.findall(r"^  (\S+)", layout, re.MULTILINE)
    for name in [*re.findall(r"^\S+", layout, re.MULTILINE), *(f"directus_sync/{name}" for name in own)]:
        assert (ROOT / name).exists(), name
    assert {f"{init.parent.name}/" for init in (ROOT / "directus_sync").glob("*/__init__.py")} <= set(own)


@EACH_PAGE
def test_every_path_on_a_page_exists(page: Path) -> None:
    # post_0021 is the example of the README.
    pattern = r"(?:directus_sync|migrations|snapshots|docker|tools|tests|docs|extensions)/(?!.*post_0021)[\w./-]*"
    for text in pages.spans(page.read_text(encoding="utf-8")):
        # Files that an installation makes may be missing.
        if re.fullmatch(pattern, text) and text not in OPTIONAL and "node_modules" not in text:
            assert (ROOT / text).exists(), text


def test_every_page_that_the_code_names_exists() -> None:
    for folder in ("directus_sync", "migrations", "snapshots", "tests", "tools"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.yaml")]:
            for name in re.findall(r"docs/[a-z-]+\.md", path.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), path


@EACH_PAGE
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", pages.prose(page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in pages.anchors(target.read_text(encoding="utf-8")), link


@EACH_PAGE
def test_every_python_example_is_valid_syntax(page: Path) -> None:
    for sample in pages.blocks(page.read_text(encoding="utf-8"), "python"):
        ast.parse(sample)


def test_the_example_of_approvals_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "removals.yaml"
    (sample,) = pages.blocks(section(GUARD, "Approval"), "yaml")
    path.write_text(sample, encoding="utf-8")
    assert [removal.item for removal in approvals.read(path)] == ["events.notes"]


def test_the_examples_of_seed_files_can_be_read() -> None:
    sample, group = pages.blocks(pages.read("docs/seeds.md"), "yaml")
    assert len(reading.parse(sample.encode(), Path("seeds.md")).rows) == 5
    # In the folder of the committed seed files, where its CSV file is.
    text = group.replace("*event", "{slug: rally-albania-2026}")
    assert len(reading.parse(text.encode(), ROOT / "snapshots" / "seeds" / "seeds.md").rows) == 20
