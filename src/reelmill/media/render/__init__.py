"""From steps to the arguments of a program, one module for each program. Pure."""
