"""``python -m prober`` is ``prober``."""

from prober.cli import main

main()
