"""`python -m adjudge` is the CLI."""

from adjudge.cli import main

if __name__ == "__main__":
    main()
