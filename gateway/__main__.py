"""`python -m gateway` is `promo-gateway`."""

from gateway.cli import main

main(prog_name="promo-gateway")
