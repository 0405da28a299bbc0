"""Python imports this by itself in a process that has this folder on its path: it plants the bug that is named."""

import os

if _name := os.environ.get("POSTKEEP_TEST_MUTANT"):
    from tests.faults.mutants import MUTANTS

    MUTANTS[_name].plant()
