"""Programs of our own that steps run: one module each, in a locked child, with arguments and files alone."""
