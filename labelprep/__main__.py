"""`python -m labelprep`, the same as `labelprep`."""

from labelprep.cli.main import main

if __name__ == "__main__":
    main()
