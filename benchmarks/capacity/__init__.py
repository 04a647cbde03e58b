"""How much a system takes: a simulation, what it is fed with, and its trial. See docs/scaling.md."""
