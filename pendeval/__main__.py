"""`python -m pendeval`."""

from pendeval.cli import main

if __name__ == "__main__":
    main()
