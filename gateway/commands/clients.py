"""The commands that manage callers and their credentials: `clients`, `groups`, `keys`."""

import json
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import click

from gateway.auth.credentials import authorization, md5_hex
from gateway.auth.password_check import hash_secret
from gateway.auth.tokens import SigningKey
from gateway.commands.database import check_organization, with_store
from gateway.commands.terminal import ID, print_row
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.rest.tokens import TOKEN_PATH
from loaders import clients as accounts
from loaders.clients import NO_RIGHTS, Account
from loaders.enums import LONGEST_CLIENT_ID, ClientKind, Resource, Right
from loaders.errors import AlreadyExists
from loaders.store import Store

LONGEST_TTL_SECONDS = 3600

_NAME, _CLIENT_ID = click.Argument(["name"]), click.Argument(["client_id"])
_ORG = click.Option(["--org", "organization_id"], required=True, type=ID, help="Organisation of the client.")
_GROUP = click.Option(["--group"], default="default", show_default=True, help="Access group of the client.")
_TTL = click.Option(
    ["--ttl"],
    default=300,
    show_default=True,
    type=click.IntRange(1, LONGEST_TTL_SECONDS),
    help="Lifetime of its tokens, in seconds.",
)
_SECRET_STDIN = click.Option(["--secret-stdin"], is_flag=True, help="Read the secret from standard input.")
_JSON = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")


@click.group()
def clients() -> None:
    """Manage API clients."""


@clients.group()
def add() -> None:
    """Add a client. Without --secret-stdin, the command generates a secret and prints it once."""


@add.command(params=[_NAME, _ORG, _GROUP, _SECRET_STDIN, _JSON])
def till(name: str, organization_id: int, group: str, secret_stdin: bool, as_json: bool) -> None:
    """Add a POS client, which the vendor calls a till.

    A POS client sends Basic credentials: its NAME and the MD5 hex of its password.
    With --secret-stdin, the secret is the password or its MD5 hex.
    """
    if ":" in name:
        raise click.BadParameter("the name of a POS client must not contain a colon.", param_hint="NAME")
    _add(Account(name, name, ClientKind.TILL, organization_id, group, 0, ""), secret_stdin, as_json)


@add.command(params=[_NAME, _ORG, _GROUP, _TTL, _SECRET_STDIN, _JSON])
def oauth(name: str, organization_id: int, group: str, ttl: int, secret_stdin: bool, as_json: bool) -> None:
    """Add an OAuth client. The command generates its key.

    An OAuth client exchanges its key and its secret for tokens.
    """
    # Hex: `clients rotate` would take a key that begins with "-" for an option.
    key = secrets.token_hex(16)
    _add(Account(key, name, ClientKind.OAUTH, organization_id, group, ttl, ""), secret_stdin, as_json)


@clients.command("list", params=[_JSON])
def list_clients(as_json: bool) -> None:
    """List the clients.

    The columns are the id, the kind, the name, the organisation, the group and the state.
    """
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
        print_row("ID", "KIND", "NAME", "ORGANISATION", "GROUP", "STATE")
        for row in rows:
            print_row(*row.values())


@clients.command(params=[_CLIENT_ID])
def disable(client_id: str) -> None:
    """Disable a client. Its credentials and its tokens are refused within a minute."""
    if not with_store(lambda store: accounts.disable_account(store, client_id)):
        raise click.ClickException(f"There is no client {client_id}.")
    click.echo(f"Client {client_id} is disabled.")


@clients.command(params=[_CLIENT_ID, _SECRET_STDIN, _JSON])
def rotate(client_id: str, secret_stdin: bool, as_json: bool) -> None:
    """Replace the secret of a client. The old secret and its tokens are refused within a minute."""
    secret = _read_secret() if secret_stdin else secrets.token_urlsafe(24)

    async def rotate_secret(store: Store) -> ClientKind:
        account = await accounts.find_account(store, client_id)
        if account is None:
            raise click.ClickException(f"There is no client {client_id}.")
        await accounts.rotate_secret(store, client_id, _hash(account.kind, secret))
        return account.kind

    _print(with_store(rotate_secret), client_id, None if secret_stdin else secret, as_json)


@click.group()
def groups() -> None:
    """Manage access groups."""


@groups.command("list", params=[_JSON])
def list_groups(as_json: bool) -> None:
    """List the access groups and their rights."""
    listed = with_store(accounts.list_groups)
    if as_json:
        click.echo(json.dumps([{"group": group, "rights": dict(rights)} for group, rights in listed.items()]))
    else:
        print_row("GROUP", "RIGHTS")
        for group, rights in listed.items():
            print_row(group, *(f"{resource}={right}" for resource, right in rights.items()))


@groups.command("set", params=[_NAME])
@click.argument("rights", nargs=-1, required=True, metavar="RESOURCE=RIGHT...")
def set_group(name: str, rights: tuple[str, ...]) -> None:
    """Add or replace an access group.

    For example: promo-gateway groups set reports customer=read promotion=read

    The group gets no right to a resource that you do not name.
    """
    given = {}
    for pair in rights:
        resource, _, right = pair.partition("=")
        if resource not in set(Resource) or right not in set(Right):
            expected = f"{'|'.join(Resource)}={'|'.join(Right)}"
            raise click.BadParameter(f"{pair!r}; expected {expected}.", param_hint="RIGHTS")
        given[Resource(resource)] = Right(right)
    _check_name(name)
    with_store(lambda store: accounts.put_group(store, name, {**NO_RIGHTS, **given}))
    click.echo(f"Group {name} is set. The change takes effect within a minute.")


@click.group()
def keys() -> None:
    """Manage signing keys."""


@keys.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def new(path: Path) -> None:
    """Write a new signing key to PATH. An existing file is not overwritten."""
    try:
        SigningKey.write_new(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from error
    click.echo(
        f"Wrote {path}. Add it to GATEWAY_SIGNING_KEYS: the first key signs tokens, all keys verify them."
    )


def _check_name(name: str) -> None:
    if not (0 < len(name) <= LONGEST_CLIENT_ID and name.isprintable() and name == name.strip()):
        raise click.BadParameter(
            "expected 1 to 255 printable characters without blanks at the ends.", param_hint="NAME"
        )


def _read_secret() -> str:
    try:
        secret = sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.UsageError("--secret-stdin expects UTF-8 on standard input.") from error
    if not secret:
        raise click.UsageError("--secret-stdin expects a secret on standard input, which is empty.")
    return secret


def _hash(kind: ClientKind, secret: str) -> str:
    return hash_secret(md5_hex(secret) if kind is ClientKind.TILL else secret)


def _add(account: Account, secret_stdin: bool, as_json: bool) -> None:
    """Add a client, with a secret that was generated or given, and print its credentials."""
    _check_name(account.name)
    secret = _read_secret() if secret_stdin else secrets.token_urlsafe(24)
    with_secret = replace(account, secret_hash=_hash(account.kind, secret))

    async def add_account(store: Store) -> None:
        await check_organization(store, account.organization_id)
        if await accounts.find_rights(store, account.group) is None:
            raise click.ClickException(f"There is no access group {account.group}.")
        try:
            await accounts.add_account(store, with_secret)
        except AlreadyExists as error:
            raise click.ClickException(f"Client {account.id} already exists.") from error

    with_store(add_account)
    _print(account.kind, account.id, None if secret_stdin else secret, as_json)


def _print(kind: ClientKind, client_id: str, secret: str | None, as_json: bool) -> None:
    """Print the credentials of a client, and a request to try with a secret that is new."""
    names = ("till", "password") if kind is ClientKind.TILL else ("key", "secret")
    credentials = dict(zip(names, (client_id, secret), strict=True))
    if as_json:
        click.echo(json.dumps(credentials))
        return
    for name, value in credentials.items():
        click.echo(f"{name}: {value or 'as given'}")
    if secret is None:
        return
    path, header, body = TOKEN_PATH, "", json.dumps(credentials)
    if kind is ClientKind.TILL:
        path, header = GRAPHQL_PATH, f" -H 'Authorization: {authorization(client_id, secret)}'"
        body = json.dumps({"query": "{ __typename }"})
    click.echo("The secret is not shown again. A request to try, on a gateway at port 8000:")
    click.echo(
        f"  curl -s http://127.0.0.1:8000{path}{header} -H 'Content-Type: application/json' -d '{body}'"
    )
