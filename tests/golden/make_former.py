"""How `former/` was made, by the version before the re-arrangement. It is not to be made anew by a later one: that outputs of
the former version are known, resumed and replayed is what it is kept for."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from golden_cases import FORMER_CASES  # noqa: E402

from genkit.cli.app import main as genkit  # noqa: E402


def main() -> None:
    os.environ["GENKIT_HOME"] = tempfile.mkdtemp()
    for name, case in FORMER_CASES.items():
        folder = HERE / "former" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for one in case.inputs.split():
            copy = shutil.copytree if (HERE / "inputs" / one).is_dir() else shutil.copy
            copy(HERE / "inputs" / one, folder / one)
        os.chdir(folder)
        for line in case.lines:
            if code := genkit(
                [*shlex.split(line), *(() if "directions" in line.split()[:2] else ("--device", "cpu", "--quiet"))]
            ):
                sys.exit(f"{line}: exit {code}")


if __name__ == "__main__":
    main()
