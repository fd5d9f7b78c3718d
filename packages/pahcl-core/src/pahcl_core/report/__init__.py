"""One page that says what a run, or several, came to: a file that needs nothing else."""
