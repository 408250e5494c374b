"""Entry point of ``python -m finecl_cli`` and ``torchrun -m finecl_cli``."""

from finecl_cli.start import main

main()
