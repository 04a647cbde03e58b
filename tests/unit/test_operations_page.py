"""docs/operations.md is what the protos and the operations give."""

import operations_page


def test_the_page_of_operations_is_up_to_date() -> None:
    assert operations_page.PAGE.read_text() == operations_page.page(), "run `make generate`"
