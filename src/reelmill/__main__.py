"""python -m reelmill."""

from reelmill.cli.main import main

if __name__ == "__main__":
    main()
