"""The wheel that `pip install .` makes: the command with the model that ships, where the command looks for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARE = "charmer-0.1.0.data/data/share/charmer/pretrained"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a wheel is made of, but for the model."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "workflow" / "charmer", tmp_path / "workflow" / "charmer", ignore=lambda *_: ["__pycache__"])
    return tmp_path


def names_in_wheel(checkout: Path) -> list[str]:
    code = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(checkout / "dist" / done.stdout.splitlines()[-1]) as wheel:
        return wheel.namelist()


def test_it_holds_every_released_file_and_the_templates(checkout: Path, made: Path):
    shutil.copytree(made, checkout / "resources" / "pretrained")
    names = names_in_wheel(checkout)
    assert {f"{SHARE}/{path.name}" for path in made.iterdir()} <= set(names)
    assert {"charmer/release/templates/MODEL_CARD.md.j2", "charmer/serve/playground/index.html"} <= set(names)


def test_without_a_model_there_is_a_wheel_all_the_same(checkout: Path):
    names = names_in_wheel(checkout)
    assert "charmer/cli.py" in names and not any("pretrained" in name for name in names)
