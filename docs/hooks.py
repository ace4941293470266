"""Adds the changelog to the pages of the site, with its links relative to docs/."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

# Added by the offline plugin to each page.
SEARCH_SHIM = "https://unpkg.com/iframe-worker/shim"
CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def on_files(files: Files, config: Any) -> Files:
    content = CHANGELOG.read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=content))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Replaces the script that the offline search would fetch from another host by our own."""
    own = page.url.count("/") * "../" + "assets/worker.js"
    return output.replace(f'src="{SEARCH_SHIM}"', f'src="{own}"')
