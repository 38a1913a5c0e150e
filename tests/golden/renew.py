"""Write the golden events anew: ``python -m tests.golden.renew``. Read the difference before a commit."""

import sys

from fixtures.pcaps.catalogue import captures
from tests.golden.replay import HERE, golden_file, golden_text, replay


def main() -> None:
    """One golden file for each capture, and none without."""
    wanted = {golden_file(capture): golden_text(replay(capture)) for capture in captures()}
    for stale in set(HERE.rglob("*.json")) - wanted.keys():
        stale.unlink()
    changed = 0
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed += 1
    sys.stdout.write(f"{len(wanted)} captures, {changed} golden files changed\n")


if __name__ == "__main__":
    main()
