"""The commands with which an operator manages who may call: `clients`, `groups`, `keys`."""

import json
import os
import secrets
import sys
from pathlib import Path

import click

from gateway.auth.credentials import md5_hex
from gateway.auth.passwords import hash_secret
from gateway.auth.tokens import SigningKey
from gateway.commands.database import with_store
from loaders import clients as accounts
from loaders.clients import NO_RIGHTS, Account
from loaders.enums import LONGEST_CLIENT_ID, ClientKind, Resource, Right
from loaders.organizations import find_organization
from loaders.store import AlreadyExists, Store

LONGEST_TTL_SECONDS = 3600

_org = click.option(
    "--org", "organization_id", required=True, type=click.IntRange(0, 2**63 - 1), help="Its organisation."
)
_group = click.option("--group", default="default", show_default=True, help="Its access group.")
_secret_stdin = click.option("--secret-stdin", is_flag=True, help="Read the secret from standard input.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def clients() -> None:
    """Manage who may call."""


@clients.group()
def add() -> None:
    """Add a client. Without --secret-stdin a secret is made up and printed, this once."""


@add.command()
@click.argument("name")
@_org
@_group
@_secret_stdin
@_json
def till(name: str, organization_id: int, group: str, secret_stdin: bool, as_json: bool) -> None:
    """Add a till, which calls with Basic credentials: its NAME, and its password or the MD5 hex of it."""
    if ":" in name:
        raise click.BadParameter("a till's name has no colon in it.", param_hint="NAME")
    password = None if secret_stdin else secrets.token_urlsafe(24)
    secret_hash = hash_secret(md5_hex(_given() if password is None else password))
    _add(Account(name, _named(name), ClientKind.TILL, organization_id, group, 0, secret_hash))
    _show({"till": name, "password": password}, as_json)


@add.command()
@click.argument("name")
@_org
@_group
@click.option(
    "--ttl",
    default=300,
    show_default=True,
    type=click.IntRange(1, LONGEST_TTL_SECONDS),
    help="How many seconds its tokens live.",
)
@_secret_stdin
@_json
def oauth(name: str, organization_id: int, group: str, ttl: int, secret_stdin: bool, as_json: bool) -> None:
    """Add an OAuth client, which calls with tokens; its key is made up."""
    # Hex, because a key that began with "-" would be taken for an option by `clients rotate`.
    key = secrets.token_hex(16)
    secret = None if secret_stdin else secrets.token_urlsafe(24)
    secret_hash = hash_secret(_given() if secret is None else secret)
    _add(Account(key, _named(name), ClientKind.OAUTH, organization_id, group, ttl, secret_hash))
    _show({"key": key, "secret": secret}, as_json)


@clients.command("list")
@_json
def list_clients(as_json: bool) -> None:
    """List all clients: id, kind, name, organisation, group, state."""
    rows: list[dict[str, str | int]] = [
        {
            "id": account.id,
            "kind": account.kind.value,
            "name": account.name,
            "orgId": account.organization_id,
            "group": account.group,
            "state": "disabled" if account.disabled else "enabled",
        }
        for account in with_store(accounts.list_accounts)
    ]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo("\t".join(map(str, row.values())))


@clients.command()
@click.argument("client_id")
def disable(client_id: str) -> None:
    """Have a client, and the tokens it has, refused within a minute."""
    if not with_store(lambda store: accounts.disable_account(store, client_id)):
        raise click.ClickException(f"There is no client {client_id}.")
    click.echo(f"Client {client_id} is disabled.")


@clients.command()
@click.argument("client_id")
@_secret_stdin
@_json
def rotate(client_id: str, secret_stdin: bool, as_json: bool) -> None:
    """Give a client a new secret; the old one, and the tokens it has, are refused within a minute."""
    secret = None if secret_stdin else secrets.token_urlsafe(24)
    given = _given() if secret is None else secret

    async def rotate_it(store: Store) -> ClientKind:
        account = await accounts.find_account(store, client_id)
        if account is None:
            raise click.ClickException(f"There is no client {client_id}.")
        sent = md5_hex(given) if account.kind is ClientKind.TILL else given
        await accounts.rotate_secret(store, client_id, hash_secret(sent))
        return account.kind

    if with_store(rotate_it) is ClientKind.TILL:
        _show({"till": client_id, "password": secret}, as_json)
    else:
        _show({"key": client_id, "secret": secret}, as_json)


@click.group()
def groups() -> None:
    """Manage what clients may do."""


@groups.command("list")
def list_groups() -> None:
    """List all access groups with their rights."""
    for group, rights in with_store(accounts.list_groups).items():
        click.echo("\t".join([group, *(f"{resource}={right}" for resource, right in rights.items())]))


@groups.command("set")
@click.argument("name")
@click.argument("rights", nargs=-1, required=True, metavar="RESOURCE=RIGHT...")
def set_group(name: str, rights: tuple[str, ...]) -> None:
    """Add or change a group, e.g. `set reports customer=read promotion=read`; what is not named is none."""
    given = {}
    for pair in rights:
        resource, _, right = pair.partition("=")
        if resource not in set(Resource) or right not in set(Right):
            expected = f"{'|'.join(Resource)}={'|'.join(Right)}"
            raise click.BadParameter(f"{pair!r}; expected {expected}.", param_hint="RIGHTS")
        given[Resource(resource)] = Right(right)
    _named(name)
    with_store(lambda store: accounts.put_group(store, name, {**NO_RIGHTS, **given}))
    click.echo(f"Group {name} is set; it is in force within a minute.")


@click.group()
def keys() -> None:
    """Manage signing keys."""


@keys.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def new(path: Path) -> None:
    """Write a new signing key to PATH, which must not exist yet."""
    try:
        SigningKey.write_new(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from error
    click.echo(f"Wrote {path}. Put it into GATEWAY_SIGNING_KEYS: the first key there signs, all verify.")


def _named(name: str) -> str:
    if not (0 < len(name) <= LONGEST_CLIENT_ID and name.isprintable() and name == name.strip()):
        raise click.BadParameter(
            "expected up to 255 printable characters, no blank at either end.", param_hint="NAME"
        )
    return name


def _given() -> str:
    try:
        secret = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.UsageError("--secret-stdin expects UTF-8 on standard input.") from error
    if not secret:
        raise click.UsageError("--secret-stdin expects a secret on standard input; it was empty.")
    return secret


def _add(account: Account) -> None:
    async def add_it(store: Store) -> None:
        if await find_organization(store, account.organization_id) is None:
            raise click.ClickException(f"There is no organisation {account.organization_id} in the database.")
        if await accounts.find_rights(store, account.group) is None:
            raise click.ClickException(f"There is no access group {account.group}.")
        try:
            await accounts.add_account(store, account)
        except AlreadyExists as error:
            raise click.ClickException(f"There is a client {account.id} already.") from error

    with_store(add_it)


def _show(made: dict[str, str | None], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made))
        return
    for name, value in made.items():
        click.echo(f"{name}: {value or 'as it was given'}")
    if None not in made.values():
        click.echo("This is shown only once.")
