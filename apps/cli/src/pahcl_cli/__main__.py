"""`python -m pahcl_cli`, which is how torchrun starts it."""

from pahcl_cli.main import main

if __name__ == "__main__":
    main()
