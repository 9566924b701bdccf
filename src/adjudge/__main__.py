"""`python -m adjudge` is the CLI."""

from adjudge.cli.commands import main

if __name__ == "__main__":
    main()
