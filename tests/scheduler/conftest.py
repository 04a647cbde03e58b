"""The store on the test's own database."""

import pytest
from store.kit import Store

from reelmill.store.database import Database


@pytest.fixture
def store(database: Database) -> Store:
    """All stores on the test's own database."""
    return Store(database)
