"""python -m reelmill."""

from reelmill.cli.entry import main

if __name__ == "__main__":
    main()
