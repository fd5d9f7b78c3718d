"""Trackers of other distributions, laid out as an installer does."""

METHODS = """
    def start(self, run): pass
    def log(self, values, *, step): pass
    def save(self, path, *, kind): pass
    def finish(self, outcome): pass
"""
"""What makes a class a tracker, to be put into its body."""
