"""The `pahcl` command."""
