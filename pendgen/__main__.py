"""`python -m pendgen`."""

from pendgen.cli import main

if __name__ == "__main__":
    main()
