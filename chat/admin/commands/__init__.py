"""The commands, a module for each group. They read arguments and print; what they do is an operation."""
