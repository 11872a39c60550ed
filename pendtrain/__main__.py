"""`python -m pendtrain`."""

from pendtrain.cli import main

if __name__ == "__main__":
    main()
