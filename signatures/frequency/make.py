"""Makes the tables of this package from documentation that Debian packages hold; run where Debian is.

    apt-get download PACKAGE…                # those of `SOURCES`
    for each in *.deb; do dpkg-deb -x $each unpacked/${each%%_*}; done
    python -m signatures.frequency.make unpacked

A table says in how many pages each run of one to six characters stands, where that is one page in a hundred
or more; it holds nothing of the text. Text is folded first (NFKC, case), as a keyword's default folds are. A
page is so many characters of one package, in the order of its files; a paragraph that was seen before is no
part of any, so that what stands on every page of a manual (menus, licences) counts once.
"""

import argparse
import gzip
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Final

from signatures.frequency.table import fold

LONGEST: Final = 6
LEAST_SHARE: Final = 100
"""A run is listed that stands in one page of so many."""

PAGE: Final = MappingProxyType({"ja": 1_500, "en": 3_000})
"""Characters of a page: about the same text in either language."""
_MOST_PAGES: Final = 500
"""Pages taken of a package, so that none has all the say."""
_KANA: Final = re.compile(r"[\u3040-\u30ff]")
_KANA_SHARE: Final = 10
"""Of a Japanese paragraph one character in so many is kana, at least."""
_BLOCK: Final = re.compile(r"(?is)<(script|style|nav|pre)\b.*?</\1>|<!--.*?-->")
_BREAK: Final = re.compile(r"(?i)<(?:/?(?:p|h\d|li|td|th|dt|dd|div|title|body|tr|table|ul|ol|dl)|br)\b[^>]*>")
_TAG: Final = re.compile(r"<[^>]+>")
_ROFF: Final = re.compile(r"(?m)^[.'].*$|\\f.|\\\(..|\\.")

SOURCES: Final = MappingProxyType(
    {
        "ja": MappingProxyType(
            {
                "aptitude-doc-ja": "**/ja/**/*.html",
                "debian-faq-ja": "**/*.ja.html",
                "debian-handbook": "**/ja-JP/*.html",
                "debian-reference-ja": "**/*.ja.html",
                "developers-reference-ja": "**/ja/*.html",
                "gimp-help-ja": "**/ja/*.html",
                "installation-guide-amd64": "**/ja/*.html",
                "libreoffice-help-ja": "**/ja/text/**/*.html",
                "maint-guide-ja": "**/*.ja.html",
                "manpages-ja": "**/man/ja/**/*.gz",
            }
        ),
        "en": MappingProxyType(
            {
                "aptitude-doc-en": "**/en/**/*.html",
                "debian-faq": "**/*.en.html",
                "debian-handbook": "**/en-US/*.html",
                "debian-reference-en": "**/*.en.html",
                "developers-reference": "**/developers-reference/*.html",
                "gimp-help-en": "**/en/*.html",
                "installation-guide-amd64": "**/en/*.html",
                "libreoffice-help-en-us": "**/en-US/text/**/*.html",
                "manpages": "**/man/**/*.gz",
            }
        ),
    }
)
"""By language: packages, and which of their files are text."""


def read_pages(folder: Path, language: str) -> list[str]:
    """The pages of all packages below ``folder``."""
    seen: set[int] = set()
    pages: list[str] = []
    for package, pattern in SOURCES[language].items():
        paragraphs = (
            paragraph
            for file in sorted((folder / package).glob(pattern))
            for paragraph in _paragraphs(file)
            if language != "ja" or len(_KANA.findall(paragraph)) * _KANA_SHARE >= len(paragraph)
        )
        own = list(_pages(paragraphs, PAGE[language], seen))[:_MOST_PAGES]
        print(f"{language} {package}: {len(own)} pages")  # noqa: T201  # the report of a script
        pages += own
    return pages


def _paragraphs(file: Path) -> Iterator[str]:
    if file.suffix == ".gz":
        text = _ROFF.sub(" ", gzip.decompress(file.read_bytes()).decode("utf-8", "replace"))
        parts = re.split(r"\n\s*\n", text)
    else:
        text = _BLOCK.sub("\n", file.read_text("utf-8", "replace"))
        # A line end within a paragraph of Japanese is no blank.
        text = re.sub(r"(?<=[^\x00-\x7f])\s*\n\s*(?=[^\x00-\x7f])", "", text)
        parts = html.unescape(_TAG.sub(" ", _BREAK.sub("\f", text))).split("\f")
    for part in parts:
        if paragraph := " ".join(fold(part).split()):
            yield paragraph


def _pages(paragraphs: Iterator[str], size: int, seen: set[int]) -> Iterator[str]:
    page: list[str] = []
    length = 0
    for paragraph in paragraphs:
        if hash(paragraph) in seen:
            continue
        seen.add(hash(paragraph))
        page.append(paragraph)
        length += len(paragraph)
        if length >= size:
            yield " ".join(page)
            page, length = [], 0


def count_pages(pages: list[str]) -> dict[str, int]:
    """In how many pages each run of up to `LONGEST` characters without blanks stands; the rare left out."""
    least = len(pages) / LEAST_SHARE
    listed: dict[str, int] = {}
    for size in range(1, LONGEST + 1):
        counts: Counter[str] = Counter()
        for page in pages:
            runs = {word[at : at + size] for word in set(page.split()) for at in range(len(word) - size + 1)}
            # A run can only be frequent if both its parts are.
            counts.update(run for run in runs if size == 1 or (run[1:] in listed and run[:-1] in listed))
        listed |= {run: count for run, count in counts.items() if count >= least}
    return listed


def write_table(path: Path, pages: list[str], packages: list[str]) -> None:
    """Write a gzip file: a line of JSON about the table, then ``run count`` lines in order of run."""
    listed = count_pages(pages)
    about = {"pages": len(pages), "longest": LONGEST, "least_share": LEAST_SHARE, "packages": packages}
    lines = [json.dumps(about), *(f"{run} {count}" for run, count in sorted(listed.items()))]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
    print(f"{path.name}: {len(pages)} pages, {len(listed)} runs, {path.stat().st_size} octets")  # noqa: T201


def main() -> None:
    """Make both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, help="where the packages are unpacked, each in a folder of its name"
    )
    folder = parser.parse_args().folder
    for language, sources in SOURCES.items():
        pages = read_pages(folder, language)
        write_table(Path(__file__).with_name(f"{language}.txt.gz"), pages, sorted(sources))


if __name__ == "__main__":
    main()
