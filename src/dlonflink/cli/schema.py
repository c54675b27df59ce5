"""`dlonflink schema`."""

from __future__ import annotations

import json

import typer

from dlonflink.pipeline.pipeline import Pipeline


def schema() -> None:
    """Print the JSON schema of a pipeline, for editors."""
    typer.echo(json.dumps(Pipeline.model_json_schema(), indent=2))
