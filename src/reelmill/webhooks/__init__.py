"""Tells webhooks what happens: claims what is due, sends it, records how that went."""
