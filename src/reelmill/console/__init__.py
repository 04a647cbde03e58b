"""Pages for people, made by the server: they ask the api as any client does, with their reader's key."""

from reelmill.console.rooms import endpoints

__all__ = ["endpoints"]
