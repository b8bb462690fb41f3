"""`python -m gateway` is `promo-gateway`."""

from gateway.commands.main import main

main(prog_name="promo-gateway")
