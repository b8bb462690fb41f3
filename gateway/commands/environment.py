"""The settings on the command line: read from the environment, and described for `--help`."""

import difflib
import os
import re
from typing import Any, NamedTuple, TypeVar

import click
from pydantic import SecretStr

from gateway.settings import SERVICE_ADDRESS, DatabaseSettings, Settings

S = TypeVar("S", bound=DatabaseSettings)

# Others set these: the tests and measurements of this repository, and Kubernetes for a Service whose name
# begins with `gateway`.
_FOREIGN = re.compile(
    r"GATEWAY_((TEST|BENCH|FUZZ)_\w+"
    r"|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?))"
)


class Row(NamedTuple):
    """A setting as `promo-gateway settings` and `docs/settings.md` show it."""

    variable: str
    default: str
    description: str


def describe_settings() -> list[Row]:
    return [
        Row(f"GATEWAY_{name.upper()}", _show(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _show(default: object) -> str:
    match default:
        case SecretStr():
            return default.get_secret_value()
        case bool():
            return "on" if default else "off"
        case None | "" | () | frozenset():
            return "none"
    return str(default)


def read_settings(kind: type[S], **given: Any) -> S:
    """Read the settings that are not `given`, and warn of variables that are named like one."""
    names = [name.upper() for name in Settings.model_fields]
    for variable, value in sorted(os.environ.items()):
        name = variable.removeprefix("GATEWAY_")
        if name in (variable, *names) or _FOREIGN.fullmatch(variable) or SERVICE_ADDRESS.match(value):
            continue
        similar = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
        hint = f"; did you mean GATEWAY_{similar[0]}?" if similar else "."
        click.echo(f"Warning: {variable} is not a setting{hint}", err=True)
    return kind.from_environment(**given)
