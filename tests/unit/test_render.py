"""Output: where it goes, how times and counts are printed, and that secrets are hidden."""

from __future__ import annotations

import json
import re

import pytest

from directus_sync import output
from directus_sync.errors import SyncError
from directus_sync.text import wording
from directus_sync.text.wording import count
from tests.processes import until

Output = pytest.CaptureFixture[str]


# JSON


def test_a_document_is_json_with_its_version(capsys: Output) -> None:
    output.document({"add": 1})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"version": output.JSON_VERSION, "add": 1}
    assert err == ""


# Steps


def test_a_step_prints_its_start_and_its_duration(capsys: Output) -> None:
    with output.Progress().step("Pushing", "Pushed"):
        assert capsys.readouterr().err == "Pushing ...\n"
    assert re.fullmatch(r"Pushed in \d+ ms\n", capsys.readouterr().err)


def test_a_failed_step_is_not_printed_as_done(capsys: Output) -> None:
    with pytest.raises(SyncError), output.Progress().step("Pushing", "Pushed"):
        raise SyncError("it broke")
    assert "Pushed" not in capsys.readouterr().err


# Secrets


def shown(capsys: Output, text: str) -> str:
    output.result(text)
    output.note(text)
    output.error(SyncError(text, where=text, next=text))
    output.document({"text": text})
    out, err = capsys.readouterr()
    return out + err


def test_a_secret_is_replaced_in_all_output(capsys: Output) -> None:
    output.hide(["hunter22"])
    printed = shown(capsys, "token hunter22, http://a:hunter22@h")
    assert "hunter22" not in printed
    assert printed.count("***") == 12


@pytest.mark.parametrize(
    ("secrets", "text", "printed"),
    [
        *(
            ([secret], f"before {secret} after, aXb", "before *** after, aXb")
            for secret in ("a.b", "a+b", "(", "[x", "x|y", "\\d", "^a$", "{2}", "a*", "?", "$1", "\\")
        ),
        # Of two overlapping secrets the longer is replaced as a whole. A short secret is replaced only as a word.
        (["hunter22-long", "hunter22"], "x hunter22-long y", "x *** y"),
        (["a"], "a table, station", "*** table, station"),
    ],
)
def test_only_a_secret_is_replaced_whatever_characters_it_has(
    capsys: Output, secrets: list[str], text: str, printed: str
) -> None:
    output.hide(secrets)
    output.result(text)
    assert capsys.readouterr().out == f"{printed}\n"


@pytest.mark.parametrize("secret", ["hunter22", 'pa"ss22', "pässword22", "back\\slash22"])
def test_a_secret_is_hidden_in_json_too(capsys: Output, secret: str) -> None:
    output.hide([secret])
    output.document({"text": f"the\n{secret} word"})
    assert json.loads(capsys.readouterr().out)["text"] == "the\n*** word"


def test_hiding_a_secret_does_not_break_json(capsys: Output) -> None:
    output.hide(["1", "text"])
    output.document({"text": "a text", "number": 1})
    assert json.loads(capsys.readouterr().out) == {"version": output.JSON_VERSION, "text": "a ***", "number": 1}


def test_values_of_rows_are_masked_unless_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    detail = "Key (email, id)=(a@b.example, 7) already exists."
    harmless = ("7", "true", "0c9f7f0e-6a43-4a47-9f0c-3a5f0f7f2b11", None)
    assert [output.value(value) for value in harmless] == [str(value) for value in harmless]
    assert (output.value("a@b.example"), output.value(355123456789)) == (output.MASKED, output.MASKED)
    assert output.masked(detail) == f"Key (email, id)={output.MASKED} already exists."
    monkeypatch.setattr(output, "_values_shown", True)
    assert (output.value("a@b.example"), output.masked(detail)) == ("a@b.example", detail)


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("Key (note)=(secret\nname) already exists.", "Key (note)=… already exists."),
        ('Key (note)=(secret) (of) us) is not present in table "t".', 'Key (note)=… is not present in table "t".'),
        ("Key (at)=(secret) conflicts with existing key (at)=(secret).", "Key (at)=…."),
        ("Failing row contains (1, secret\nname (2)).", "Failing row contains …."),
        ("Partition key of the failing row contains (at) = (secret).", "Partition key of the failing row contains …."),
        ('invalid input syntax for type integer: "secret\n"name""', "invalid input syntax for type integer: …"),
        ('invalid input for enum kind: "secret"\nCONTEXT:  COPY', "invalid input for enum kind: …\nCONTEXT:  COPY"),
        ('value "355123456789" is out of range for type integer', "value … is out of range for type integer"),
        (
            'Token "secret" is invalid.\nCONTEXT:  JSON data, line 1: secret',
            "Token … is invalid.\nCONTEXT:  JSON data, line …",
        ),
        ('relation "events" does not exist\nLINE 1: SELECT 1', 'relation "events" does not exist\nLINE 1: SELECT 1'),
        ('duplicate key value violates unique constraint "a"', 'duplicate key value violates unique constraint "a"'),
    ],
)
def test_no_message_of_postgresql_shows_a_value_of_a_row(message: str, masked: str) -> None:
    assert output.masked(message) == masked


# Words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.041, "41 ms"),
        (0.9994, "999 ms"),
        (1, "1.0 s"),
        (14.24, "14.2 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (61.4, "1 min 1 s"),
        (3725, "62 min 5 s"),
        # Rounding up leads to the next unit.
        (0.9996, "1.0 s"),
        (59.97, "1 min 0 s"),
        (119.7, "2 min 0 s"),
    ],
)
def test_a_duration_is_printed_in_a_suitable_unit(seconds: float, text: str) -> None:
    assert output.duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 changes"), (1, "1 change"), (2, "2 changes")])
def test_a_count_agrees_with_its_noun(number: int, text: str) -> None:
    assert count(number, "change") == text


def test_only_a_long_step_is_announced(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    with output.note_if_slow("Counting"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(output, "LONG_SECONDS", 0.0)
    with output.note_if_slow("Counting"):
        until(lambda: capsys.readouterr().err == "Counting ...\n", 5)


@pytest.mark.parametrize(
    ("value", "said"),
    [("x" * 58, f"'{'x' * 58}'"), ("x" * 59, f"'{'x' * 59}..."), (None, "None"), ([1] * 99, "a list"), ({}, "a dict")],
)
def test_a_value_of_any_type_is_shown_shortened(value: object, said: str) -> None:
    assert wording.shown(value) == said


def test_the_rest_of_a_list_is_counted() -> None:
    names = [str(number) for number in range(21)]
    assert wording.shortened(names) == [*names[:20], "and 1 more"]
    assert wording.shortened(names[:20]) == names[:20]
    assert wording.listed(names[:4], 3) == "0, 1, 2 and 1 more"
    assert wording.listed(names[:3], 3) == "0, 1, 2"
