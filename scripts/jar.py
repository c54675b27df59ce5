"""The one place that builds the jar: `python scripts/jar.py` makes src/dlonflink/jars/dlonflink.jar unless it is there.

The scripts call it, and so does the build of a wheel (hatch_build.py). Current means: the stamp beside the jar holds
the digest of the sources as they are now. Contents count, not times: a fresh clone sets times at random.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "java"
JAR = ROOT / "src" / "dlonflink" / "jars" / "dlonflink.jar"
STAMP = JAR.with_name(JAR.name + ".sources")


def digest() -> str:
    """SHA-256 over the names and contents of all that goes into the jar."""
    files = [SOURCES / "pom.xml", *(file for file in (SOURCES / "src" / "main").rglob("*") if file.is_file())]
    whole = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(SOURCES).as_posix()} {content}\n".encode())
    return whole.hexdigest()


def current() -> bool:
    """Whether the jar was built from the sources as they are."""
    return JAR.is_file() and STAMP.is_file() and STAMP.read_text().strip() == digest()


def build() -> Path:
    """Makes sure that the jar is current; raises RuntimeError where there is no Maven or it fails."""
    if current():
        return JAR
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("the jar must be built from java/, and that needs JDK >= 17 and Maven (mvn) on PATH")
    before = digest()
    print("building the jar (Maven)", file=sys.stderr, flush=True)
    quiet = ["-q", "-B", "-ntp", "-DskipTests", "-Dspotless.check.skip"]
    command = [maven, *quiet, "-f", str(SOURCES / "pom.xml"), "package"]
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"Maven failed:\n{done.stdout}")
    JAR.parent.mkdir(parents=True, exist_ok=True)
    # Never a half-written jar under a fresh stamp: a JVM may be reading the old one.
    staged = JAR.with_name(f"{JAR.name}.{os.getpid()}")
    shutil.copyfile(SOURCES / "target" / JAR.name, staged)
    STAMP.unlink(missing_ok=True)
    staged.replace(JAR)
    STAMP.write_text(before + "\n")
    return JAR


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--check"]:
            sys.exit(0 if current() else 1)
        build()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
