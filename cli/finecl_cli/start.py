"""Entry point of the command ``finecl``: handles signals before anything large is imported."""

from __future__ import annotations

from finecl_cli.signals import install


def main() -> None:
    """Runs the command line and exits the process."""
    install()
    from finecl_cli.main import main as run_main

    run_main()
