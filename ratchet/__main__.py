"""The command line, as `python -m ratchet`."""

from ratchet_tune import main

if __name__ == "__main__":
    main()
