"""The wheel runs where there is neither a JDK nor Maven, and the jar is built when it must be and only then."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CERTIFICATES = {"UV_SYSTEM_CERTS": "1"} if Path("/etc/ssl/certs/ca-certificates.crt").is_file() else {}
"""As scripts/setup has it: uv looks into the system's store only when it is told to."""
JAVA_TOOLS = {"java", "javac", "jar", "mvn"}

PIPELINE = """\
name: packaged
source:
  type: files
  paths: [rows.csv]
  format: csv
  columns: {user: STRING, price: DOUBLE, click: INT}
features: {hashed: [user], dense: [price]}
label: click
learner: {type: logistic}
export: {to: versions}
checkpoint: {every: 1 s}
runtime: {on: flink}
"""


def uv() -> str:
    return shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, check=False, text=True, capture_output=True)


@pytest.fixture(scope="module")
def no_java(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has everything this one has, but no Java of its own."""
    tools = tmp_path_factory.mktemp("tools")
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in Path(place).glob("*"):
            if tool.name not in JAVA_TOOLS and not (tools / tool.name).exists():
                (tools / tool.name).symlink_to(tool)
    env = {name: value for name, value in os.environ.items() if name != "JAVA_HOME" and not name.startswith("PYTHON")}
    return env | {"PATH": str(tools), **CERTIFICATES}


def copy_of_the_checkout(to: Path, *, jar: bool) -> Path:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, text=True, capture_output=True).stdout.split("\0")
    if jar:
        subprocess.run([sys.executable, ROOT / "scripts" / "jar.py"], check=True)
        names += [f"src/dlonflink/jars/{name}" for name in ("dlonflink.jar", "dlonflink.jar.sources")]
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, no_java: dict[str, str]) -> Path:
    """An sdist from a checkout with a current jar, and the wheel from that sdist; neither asks for Maven."""
    checkout = copy_of_the_checkout(tmp_path_factory.mktemp("checkout"), jar=True)
    done = run(uv(), "build", "--out-dir", "dist", cwd=checkout, env=no_java)
    assert done.returncode == 0, done.stderr
    (built,) = (checkout / "dist").glob("*.whl")
    return built


def test_what_lies_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"dlonflink/jars/dlonflink.jar", "dlonflink/py.typed", "dlonflink/__init__.py"} <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"dlonflink"}
    assert not [name for name in names if name.endswith((".java", ".sources", ".pyc"))]


@pytest.mark.timeout(400)  # an environment is made, and kernels are compiled for it
def test_the_wheel_runs_on_flink_without_a_jdk(wheel: Path, no_java: dict[str, str], tmp_path: Path) -> None:
    locked = run(uv(), "export", "-q", "--frozen", "--no-hashes", "--no-emit-project", "--all-extras", cwd=ROOT)
    assert locked.returncode == 0, locked.stderr
    (tmp_path / "locked.txt").write_text(locked.stdout)
    for command in (
        ["venv", "-q", "--python", sys.executable, "env"],
        ["pip", "install", "-q", "--python", "env", "-c", "locked.txt", str(wheel)],
    ):
        done = run(uv(), *command, cwd=tmp_path, env=no_java)
        assert done.returncode == 0, done.stderr

    draw = random.Random(0)
    users = [draw.randrange(20) for _ in range(2_000)]
    rows = [f"u{user},{user / 10},{int(draw.random() < user / 20)}" for user in users]
    (tmp_path / "rows.csv").write_text("\n".join(["user,price,click", *rows, ""]))
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    dlonflink = tmp_path / "env" / "bin" / "dlonflink"

    done = run(dlonflink, "run", "pipeline.yaml", "--fresh", "--summary", "out.json", cwd=tmp_path, env=no_java)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out.json").read_text())
    assert summary["rows"] == len(rows)
    assert summary["metrics"]["auc"] > 0.7

    (tmp_path / "ask.jsonl").write_text('{"user": "u1", "price": 0.1}\n{"user": "u19", "price": 1.9}\n')
    with (tmp_path / "ask.jsonl").open() as asked:
        command = [dlonflink, "predict", "versions"]
        answered = subprocess.run(command, cwd=tmp_path, env=no_java, stdin=asked, capture_output=True, check=True)
    assert len(answered.stdout.splitlines()) == 2


# --- scripts/jar.py, with a Maven that only says that it was called ---

MAVEN = """\
#!/usr/bin/env bash
echo called >> "$CALLS"
[ -z "${BROKEN:-}" ] || { echo "cannot find symbol"; exit 1; }
mkdir -p "$SOURCES/target" && date +%N > "$SOURCES/target/dlonflink.jar"
"""


class Checkout:
    """A copy with a stand-in for Maven on PATH."""

    def __init__(self, root: Path) -> None:
        self.root = copy_of_the_checkout(root / "checkout", jar=False)
        self.calls = root / "calls"
        maven = root / "bin" / "mvn"
        maven.parent.mkdir()
        maven.write_text(MAVEN)
        maven.chmod(0o755)
        path = f"{maven.parent}{os.pathsep}{os.environ['PATH']}"
        self.env = dict(os.environ) | {"PATH": path, "CALLS": str(self.calls), "SOURCES": str(self.root / "java")}

    def jar(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return run(sys.executable, "scripts/jar.py", *arguments, cwd=self.root, env=self.env | env)

    def builds(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_jar_is_built_once_for_each_state_of_its_sources(checkout: Checkout) -> None:
    source = checkout.root / "java" / "src" / "main" / "java" / "org" / "dlonflink" / "Main.java"
    before = source.read_bytes()
    assert checkout.jar("--check").returncode == 1
    for text, builds in ((before, 1), (before, 1), (before + b"\n", 2), (before + b"\n", 2), (before, 3)):
        source.write_bytes(text)
        os.utime(source, (0, 0))  # contents count, not times
        assert checkout.jar().returncode == 0
        assert checkout.builds() == builds
        assert checkout.jar("--check").returncode == 0


def test_a_failed_build_says_why_and_is_not_taken_for_current(checkout: Checkout) -> None:
    done = checkout.jar(BROKEN="yes")
    assert done.returncode == 1
    assert "cannot find symbol" in done.stderr
    assert "Traceback" not in done.stderr
    assert checkout.jar("--check").returncode == 1


def test_without_maven_the_jar_says_what_it_needs(checkout: Checkout, no_java: dict[str, str]) -> None:
    done = run(sys.executable, "scripts/jar.py", cwd=checkout.root, env=no_java)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the jar must be built from java/, and that needs JDK >= 17 and Maven")


UV = """\
#!/usr/bin/env bash
[ "$1" != sync ] || echo "$*" >> "$CALLS"
"""


def test_the_demo_needs_less_than_the_tests_and_takes_nothing_away(checkout: Checkout) -> None:
    """`scripts/setup`: each level once for each state of the lock; everything includes the demo."""
    uv = checkout.root.parent / "bin" / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)
    binaries = checkout.root / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "dlonflink"):
        (binaries / name).symlink_to(sys.executable)
    checkout.jar()
    checkout.calls.unlink()

    def installed(*level: str) -> list[str]:
        checkout.calls.write_text("")
        done = run("bash", "scripts/setup", *level, cwd=checkout.root, env=checkout.env)
        assert done.returncode == 0, done.stderr
        return [call for call in checkout.calls.read_text().splitlines() if call.startswith("sync")]

    (demo,) = installed("demo")
    assert "--inexact --no-dev --extra demo" in demo
    assert installed("demo") == []
    (everything,) = installed()
    assert "--all-extras" in everything
    assert installed() == installed("demo") == []
    with (checkout.root / "pyproject.toml").open("a") as project:
        project.write("# changed\n")
    assert len(installed()) == 1
    assert installed("demo") == []


def test_setup_says_the_line_to_type_where_it_may_not_install(
    checkout: Checkout, no_java: dict[str, str], tmp_path: Path
) -> None:
    """Somebody who is not root, on a machine with the environment but no JDK."""
    python = checkout.root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (python.parent / "dlonflink").symlink_to(sys.executable)
    wanted = "cat uv.lock pyproject.toml | sha256sum > .venv/.dlonflink"
    subprocess.run(["bash", "-c", wanted], cwd=checkout.root, check=True)
    somebody = tmp_path / "bin" / "id"
    somebody.write_text("#!/usr/bin/env bash\necho 1000\n")
    somebody.chmod(0o755)
    (tmp_path / "bin" / "mvn").unlink()
    env = no_java | {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{no_java['PATH']}"}

    done = run("bash", "scripts/setup", cwd=checkout.root, env=env)
    assert done.returncode == 1
    error, fix, rest = done.stderr.splitlines()
    assert "JDK >= 17" in error
    assert "apt-get install -y --no-install-recommends openjdk-17-jdk-headless maven" in fix
    assert "dlonflink doctor" in rest
