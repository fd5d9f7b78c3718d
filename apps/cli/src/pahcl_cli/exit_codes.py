"""What the command ends with; 0 where all is well."""

FAILED = 1
WRONG_USAGE = 2
REFUSED = 3
"""All could be read, and of somebody nothing was said."""

INTERRUPTED = 130
