"""The JSON Schema says what `read_spec` says, as far as one value alone can tell."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from labelprep.errors import SpecError
from labelprep.spec import read_spec
from labelprep.spec.schema import json_schema
from tests.dataset import labelprep

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checker():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def verdicts(checker, path):
    """What the schema and the reader say of a spec: (taken, taken)."""
    try:
        read_spec(path)
    except SpecError:
        read = False
    else:
        read = True
    return checker.is_valid(YAML(typ="safe").load(path)), read


def test_the_command_prints_what_lies_beside_our_specs():
    printed = labelprep("schema").out
    assert json.loads(printed) == json_schema()
    kept = ROOT / "pipelines/spec.schema.json"
    assert kept.read_text("utf-8") == printed, "write it anew: labelprep schema > pipelines/spec.schema.json"
    for spec in (ROOT / "pipelines").glob("*.yaml"):
        assert spec.read_text("utf-8").startswith(f"# yaml-language-server: $schema={kept.name}\n"), spec.name


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda p: p.name)
def test_our_own_specs_are_taken(checker, path):
    checker.validate(YAML(typ="safe").load(path))


@pytest.mark.parametrize(
    ("stage", "taken"),
    [
        ("{use: convert, on_unknown: {nearest: 3}, map: {1: road}, ignore: void}", True),
        ("{use: convert, on_unknown: 'nearest:3', map: [1=road], ignore: [void, sky]}", True),
        ("{use: convert, out: x, layout: mirror}", True),
        ("{use: convert, on_unknown: {near: 3}}", False),
        ("{use: convert, on_unknown: nearest}", False),
        ("{use: convert, mask_mode: rgb}", False),
        ("{use: convert, mask_mod: index}", False),
        ("{use: convert, max_pixels: 0}", False),
        ("{use: konvert}", False),
        ("{layout: mirror}", False),
        ("{use: validate, fail_on: never, exif_rotate: true}", True),
        ("{use: validate, fail_on: never, exif_rotate: 'yes'}", False),
    ],
)
def test_the_schema_takes_what_the_reader_takes(checker, tmp_path, stage, taken):
    path = tmp_path / "spec.yaml"
    path.write_text(f"version: 1\ndataset: {{root: .}}\nstages:\n  one: {stage}\n", encoding="utf-8")
    assert verdicts(checker, path) == (taken, taken)


def test_every_word_is_explained(checker):
    models = checker.schema["$defs"].values()
    words = [(name, word) for model in models for name, word in model["properties"].items() if name != "use"]
    assert [name for name, word in words if not word.get("description")] == []
