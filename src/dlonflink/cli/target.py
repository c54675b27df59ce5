"""TARGET on the command line: a YAML file, or a pipeline in Python."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from dlonflink.errors import DLOnFlinkError, PipelineError
from dlonflink.pipeline import yaml
from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.refusal import dotted, refused


@dataclass(frozen=True)
class Target:
    """A pipeline, and where it was written."""

    pipeline: Pipeline
    document: yaml.Document | None
    written: str = "..."
    """As it was given on the command line."""

    @contextmanager
    def places(self) -> Generator[None]:
        """Within, a refusal that names a key of the pipeline gets the file and line of that key, and a command that
        runs it can be typed as it stands.
        """
        try:
            yield
        except DLOnFlinkError as error:
            command = f"dlonflink run {shlex.quote(self.written)} "
            error.fix = error.fix and error.fix.replace("dlonflink run ... ", command)
            if self.document is not None:
                self.document.place(error)
            raise


def read(target: str) -> Target:
    """`pipeline.yaml`, `job.py:pipeline` or `package.module:pipeline`. Raises PipelineError."""
    if target.endswith((".yaml", ".yml")):
        document = yaml.Document.parse(_text(Path(target)), target)
        return Target(yaml.validate(Pipeline, document), document, target)
    module, _, name = target.rpartition(":")
    if not module:
        raise PipelineError(
            f"{target!r} is no pipeline",
            where="TARGET",
            expected="pipeline.yaml, job.py:pipeline or package.module:pipeline",
        )
    value: object = getattr(_import(module), name, None)
    if not isinstance(value, Pipeline):
        found = "nothing" if value is None else type(value).__name__
        raise PipelineError(f"{name!r} is no Pipeline", where=module, expected="a dlonflink.Pipeline", got=found)
    return Target(value, None, target)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PipelineError(f"cannot read the pipeline: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise PipelineError("the pipeline is not UTF-8", where=str(path), got=str(error)) from None


def _import(module: str) -> ModuleType:
    try:
        if not module.endswith(".py"):
            # As `python -m` does: a module beside the user is found.
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(module)
        path = Path(module).absolute()
        if not path.is_file():
            raise PipelineError("cannot read the pipeline: no such file", where=module)
        sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = loaded
        spec.loader.exec_module(loaded)
        return loaded
    except DLOnFlinkError as error:
        line = _line(error, module)
        if line != module:
            error.where = f"{line} ({error.where})" if error.where else line
        raise
    except ValidationError as error:
        where = _line(error, module)
        raise refused(error, strip=tuple, where=lambda path: f"{where} ({dotted(path)})" if path else where) from None
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise PipelineError(f"importing the pipeline failed: {what}", where=_line(error, module)) from error


def _line(error: BaseException, module: str) -> str:
    """`job.py:12`: the last line of the user's own file on the way to the error."""
    name = Path(module).name if module.endswith(".py") else f"{module.rpartition('.')[2]}.py"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == name]
    return f"{module}:{lines[-1]}" if lines else module
