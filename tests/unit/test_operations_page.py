"""docs/operations.md is what the protos and the operations give, docs/presets.md what the presets do."""

import operations_page
import presets_page


def test_the_page_of_operations_is_up_to_date() -> None:
    assert operations_page.PAGE.read_text() == operations_page.page(), "run `make generate`"


def test_the_page_of_presets_is_up_to_date() -> None:
    assert presets_page.PAGE.read_text() == presets_page.page(), "run `make generate`"
