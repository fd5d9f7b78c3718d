"""Training loops, checkpoints and run directories; the only part that reports to a tracker."""
