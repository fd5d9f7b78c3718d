"""The built-in trackers, registered through entry points like anybody's."""
