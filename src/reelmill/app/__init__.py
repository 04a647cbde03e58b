"""The composition root: a module for each kind of process, that imports what it alone needs."""
