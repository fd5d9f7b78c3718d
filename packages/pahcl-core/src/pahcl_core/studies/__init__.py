"""Many runs that belong together: what they differ in, carried out one by one, told in a table."""
