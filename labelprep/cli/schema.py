"""`labelprep schema`: the spec's JSON Schema, for editors."""

from __future__ import annotations

import json

import click


@click.command(name="schema")
def command() -> None:
    """Print the JSON Schema of a spec, with which editors complete and check it.

    Editors with the YAML language server read its place from a spec's first line:
    `# yaml-language-server: $schema=spec.schema.json`

    \b
    Example:
      labelprep schema > spec.schema.json
    """
    from labelprep.spec.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
