"""What keeps presets of one's own as they were, taken away one at a time. See mutants.py."""

from mutant import Mutant

_SQL, _STORE = "src/reelmill/store/queries/presets.sql", "src/reelmill/store/presets.py"
_TESTS = "tests/store/test_store_presets.py"

PRESETS = (
    Mutant(
        name="presets are a tenant's own",
        file=_SQL,
        old=r"WHERE tenant_id = \$1 AND name = a\.name",
        new="WHERE $1::uuid IS NOT NULL AND name = a.name",
        tests=_TESTS,
        within="-- name: get_presets",
    ),
    Mutant(
        name="one save of a tenant's presets at once",
        file=_STORE,
        old=r'            await connection\.execute\(_SQL\["lock_presets"\], tenant_id\)\n',
        new="",
        tests=_TESTS,
        within="async def save",
    ),
    Mutant(
        name="a deleted preset's numbers are not given again",
        file=_SQL,
        old=r"UPDATE presets p SET spec = NULL FROM newest n WHERE",
        new="DELETE FROM presets p USING newest n WHERE",
        tests=_TESTS,
    ),
    Mutant(
        name="a job that is tried again keeps its preset's name",
        file="src/reelmill/api/submission.py",
        old=r"if submission\.retry_of:",
        new="if False:",
        tests="tests/api/test_presets.py",
    ),
)
