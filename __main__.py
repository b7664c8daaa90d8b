"""Start the command line with ``python -m vaereg``."""

from .cli.main import main

if __name__ == "__main__":
    main()
