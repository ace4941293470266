"""What MkDocs is told beyond mkdocs.yml: the changelog is a page of the site as well."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def on_files(files: Files, config: Any) -> Files:
    content = CHANGELOG.read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=content))
    return files
