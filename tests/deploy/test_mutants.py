"""The list of `make mutants` keeps up with the code. (Not in tests/unit: those run on changed code.)"""

import re
from pathlib import Path

import pytest
from mutant import ROOT, Mutant, apply
from mutants import ALL


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: re.sub(r"\W+", "-", mutant.name))
def test_what_a_mutant_changes_is_there(mutant: Mutant, tmp_path: Path) -> None:
    changed = tmp_path / mutant.file
    changed.parent.mkdir(parents=True)
    changed.write_text((ROOT / mutant.file).read_text())
    apply(mutant, tmp_path)
    assert changed.read_text() != (ROOT / mutant.file).read_text()
    for test in mutant.tests.split():
        assert (ROOT / test).exists(), test
