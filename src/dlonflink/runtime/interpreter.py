"""The worker's interpreter: ours, or one the user names, which may hold other packages than ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dlonflink.pipeline.pipeline import Pipeline
from dlonflink.runtime.explain import explain_interpreter, missing_interpreter
from dlonflink.settings import inherited

_PACKAGE = Path(__file__).parent.parent
_GRACE = 2.0


class Interpreter:
    """Which Python runs the worker, and how."""

    def __init__(self, pipeline: Pipeline, scratch: Path) -> None:
        """Raises PipelineError where the named interpreter does not exist. `scratch` may get a link to our package.

        One on a cluster is named as it is there, and has to have our package.
        """
        named = pipeline.runtime.worker.python
        self._remote = pipeline.runtime.flink.target == "remote"
        self.python = named if named and self._remote else _here(named)
        self._name = pipeline.name
        self.environment = self._environment(pipeline, scratch)

    def command(self) -> list[str]:
        """Without the socket's path, which Java adds. -P: the working directory holds the user's files, and must not
        shadow a package's.
        """
        return [self.python, "-P", "-m", "dlonflink.worker", self._name]

    def compile(self, plan: Path) -> Compiler | None:
        """Starts the compilation of every kernel that `plan` needs, so that it runs while the JVM starts. None where
        the worker runs elsewhere, which then compiles for itself.
        """
        if self._remote:
            return None
        return Compiler(self.python, [*self.command(), "--compile", str(plan)], self.environment)

    def _environment(self, pipeline: Pipeline, scratch: Path) -> dict[str, str]:
        # Without the secrets, which Java reads where it starts the worker: to compile needs none.
        plain = {name: value for name, value in pipeline.runtime.worker.env.items() if isinstance(value, str)}
        environment = {"PYTHONUNBUFFERED": "1", **plain}
        if not self._remote and self.python != str(Path(sys.executable).absolute()):
            # Our package alone: our whole site-packages would put our numpy before the interpreter's own.
            link = scratch / "python" / _PACKAGE.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(_PACKAGE)
            theirs = environment.get("PYTHONPATH") or inherited().get("PYTHONPATH")
            environment["PYTHONPATH"] = f"{link.parent}:{theirs}" if theirs else str(link.parent)
        return environment


def _here(named: str | None) -> str:
    found = shutil.which(named) if named else sys.executable
    if found is None:
        raise missing_interpreter(str(named))
    # Not resolved: a virtual environment's python is a link, and is one by its own path.
    return str(Path(found).absolute())


class Compiler:
    """A process that compiles kernels into the cache; the worker waits for the same ones through a file lock."""

    def __init__(self, python: str, command: list[str], environment: Mapping[str, str]) -> None:
        self._python = python
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**inherited(), **environment},
            start_new_session=True,
        )

    def running(self) -> bool:
        """Raises SetupError where the interpreter cannot run the worker."""
        code = self._process.poll()
        if code is None:
            return True
        if code > 0:
            _, output = self._process.communicate()
            raise explain_interpreter(self._python, output)
        return False

    def stop(self) -> None:
        """Ends the compiler, where it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
