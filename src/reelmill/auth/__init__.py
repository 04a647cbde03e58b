"""Who calls: keys, roles, and what each method needs."""
