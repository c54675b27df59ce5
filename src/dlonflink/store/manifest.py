"""What a version says about itself: the manifest, one JSON file beside its arrays.

Everything a server needs to score with it, and everything needed to know where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from dlonflink.embedding.settings import Embedding
from dlonflink.errors import CorruptionError
from dlonflink.features.spec import FeatureSpec
from dlonflink.learners.settings import LearnerSettings
from dlonflink.settings import Name, Settings

T = TypeVar("T")


def understood(parse: Callable[[], T], what: str, *, where: str, fix: str) -> T:
    """What `parse` makes of JSON whose digest is right. CorruptionError where it is not of a form that we know."""
    try:
        return parse()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CorruptionError(
            f"{what} cannot be understood",
            where=where,
            got=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            fix=fix,
        ) from error


def _null_if_undefined(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Figure = Annotated[float | None, BeforeValidator(_null_if_undefined)]
"""None where the figure is undefined (NaN): JSON has no NaN."""


class FileDigest(Settings):
    """What a file must be to be believed."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Origin(Settings):
    """Which training a version comes from, and how good it was: the state at one checkpoint, no row later."""

    name: Name
    """The pipeline's."""
    run: str
    attempt: int
    checkpoint: int
    rows: int
    """Rows learned, from the beginning of the stream."""
    event_time: tuple[int, int] | None
    """Earliest and latest event time of these rows, ms UTC; None where the pipeline declares no event time."""
    metrics: dict[str, Figure]
    """Totals over these rows, each scored before it was learned."""


class Output(Settings):
    """One column of the scores."""

    label: str
    link: Literal["probability"] = "probability"
    """What a score is: P(label = 1)."""


class ModelSpec(Settings):
    """All that a learner is built from, before its arrays are restored."""

    features: FeatureSpec
    golden: dict[str, Any]
    """`features.golden` of the release that trained: a server whose encoder gives other IDs must not score."""
    outputs: tuple[Output, ...]
    learner: LearnerSettings
    embedding: Embedding


class Provenance(Settings):
    """What trained the version: the pipeline's full description, this package's sources, and the libraries."""

    pipeline_digest: str
    code_digest: str
    """SHA-256 over the sources of this package."""
    libraries: dict[str, str]
    files: dict[str, str] = {}
    """The user's own files in `runtime.worker.files`: name -> SHA-256."""


class Manifest(Settings):
    """`manifest.json` of a version. Its own digest stands in the log."""

    format: Literal[1] = 1
    version: Annotated[int, Field(ge=1)]
    kind: Literal["full"] = "full"
    parent: None = None
    created: str
    """ISO 8601 UTC, the publisher's clock."""
    origin: Origin
    model: ModelSpec
    provenance: Provenance
    files: dict[str, FileDigest]
