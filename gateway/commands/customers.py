"""The commands about one customer, for requests of data subjects and of support: `customers`.

Identifiers are printed by `customers export` only, and never logged.
"""

import click

from gateway.commands.database import check_organization, check_set_up, with_store
from gateway.commands.terminal import ID, printable
from gateway.ingest import customer_changes
from gateway.ingest import export as exporting
from gateway.telemetry.logs import log
from loaders import merges_and_erasures, pending_events
from loaders.customers import (
    CustomerByIdentifierLoader,
    CustomerDispatcher,
    CustomerIdentifier,
    Person,
    count_identifiers,
)
from loaders.enums import IdentifierName, PayloadFormat
from loaders.merges_and_erasures import MergeRefused
from loaders.store import Store
from resolvers.arguments import CustomerSource, parse_id

_ORG = click.Option(["--org", "organization_id"], required=True, type=ID, help="The customer's organisation.")
_IDENTIFIER = [
    _ORG,
    click.Option(
        ["--source"],
        required=True,
        type=click.Choice([source.name for source in CustomerSource], case_sensitive=False),
        help="The source that knows the customer by the identifier.",
    ),
    click.Option(
        ["--identifier-name", "name"],
        required=True,
        type=click.Choice([name.value for name in IdentifierName], case_sensitive=False),
        help="The identifier's name.",
    ),
    click.Option(["--identifier-value", "value"], required=True, help="The identifier."),
]
_VICTIM = click.Option(["--victim", "victim_id"], required=True, type=ID, help="Id of the customer to merge.")
_SURVIVOR = click.Option(
    ["--survivor", "survivor_id"], required=True, type=ID, help="Id of the customer that remains."
)
_OUTPUT = click.Option(
    ["--output"],
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    help="Write to this file instead of standard output.",
)
_YES = click.Option(["--yes"], is_flag=True, help="Do not ask for confirmation.")


@click.group()
def customers() -> None:
    """Export, erase and merge customers."""


@customers.command(params=[*_IDENTIFIER, _OUTPUT])
def export(organization_id: int, source: str, name: str, value: str, output: str) -> None:
    """Write all data about a customer in the format that `import` takes.

    Pending events are not in this format; their ids are listed on standard error.
    """

    async def read(store: Store) -> tuple[str, list[bytes], list[str]]:
        person, described = await _find(store, organization_id, source, name, value)
        lines = [line async for line in exporting.customer_lines(store, organization_id, person)]
        pending = [one async for one in pending_events.naming(store, organization_id, person.ids)]
        lines += [one.payload.encode() for one in pending if one.format is PayloadFormat.RECORD]
        return described, lines, [one.event_id for one in pending if one.format is PayloadFormat.EVENT]

    described, lines, event_ids = with_store(read)
    try:
        with click.open_file(output, "wb", atomic=output != "-") as file:
            file.writelines(line + b"\n" for line in lines)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{printable(output)}: {error.strerror}.") from error
    click.echo(f"Exported from organisation {organization_id}: {described}.", err=True)
    for event_id in event_ids:
        shown = f"promo-gateway events show {organization_id} {printable(event_id)}"
        click.echo(f"A pending event names the customer; to print it: {shown}", err=True)


@customers.command(params=[*_IDENTIFIER, _YES])
def erase(organization_id: int, source: str, name: str, value: str, yes: bool) -> None:
    """Delete a customer's identifiers and pending events.

    The issuances stay under the numeric id. If the command was interrupted, run it again with the customer's
    id.
    """

    person, described = with_store(lambda store: _find(store, organization_id, source, name, value))
    click.echo(f"To erase in organisation {organization_id}: {described}.")
    if not yes:
        click.confirm("This cannot be undone. Erase the customer?", abort=True)
    new = with_store(lambda store: customer_changes.erase(store, organization_id, person.customer_id))
    log.info("customer_erased", org_id=organization_id, customer_id=person.customer_id)
    click.echo(
        f"Customer {person.customer_id} {'is' if new else 'was already'} erased. "
        "Running gateways forget the identifiers within GATEWAY_LOOKUP_CACHE_SECONDS."
    )


@customers.command(params=[_ORG, _VICTIM, _SURVIVOR, _YES])
def merge(organization_id: int, victim_id: int, survivor_id: int, yes: bool) -> None:
    """Merge a customer, the victim, into the survivor.

    After the merge, the victim's identifiers lead to the survivor, and the survivor's totals include the
    victim's.
    """

    async def read(store: Store) -> list[str]:
        await _check(store, organization_id)
        return [(await _find_by_id(store, organization_id, one))[1] for one in (victim_id, survivor_id)]

    victim, survivor = with_store(read)
    click.echo(f"To merge in organisation {organization_id}: {victim}; into {survivor}.")
    if not yes:
        click.confirm("This cannot be undone. Merge the customers?", abort=True)
    try:
        new = with_store(lambda store: customer_changes.merge(store, organization_id, victim_id, survivor_id))
    except MergeRefused as error:
        raise click.ClickException(f"The merge is refused: {error}.") from error
    log.info("customers_merged", org_id=organization_id, victim_id=victim_id, survivor_id=survivor_id)
    click.echo(
        f"Customer {victim_id} {'is' if new else 'was already'} merged into {survivor_id}. "
        "Running gateways notice within GATEWAY_LOOKUP_CACHE_SECONDS."
    )


async def _check(store: Store, organization_id: int) -> None:
    await check_set_up(store)
    await check_organization(store, organization_id)


async def _find(store: Store, organization_id: int, source: str, name: str, value: str) -> tuple[Person, str]:
    """The person that has the identifier, and the person in words."""
    await _check(store, organization_id)
    identifier = CustomerIdentifier(source, IdentifierName(name), value)
    if identifier.name is IdentifierName.ID:
        # An erased customer has no identifiers, but is still known by its id.
        customer_id = parse_id(value)
    else:
        loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
        found = (await loader.find([identifier])).get(identifier)
        customer_id = found and found.customer_id
    if customer_id is None:
        raise click.ClickException(
            f"No customer of organisation {organization_id} has this identifier. "
            "To repeat an erasure that was interrupted, use --identifier-name id."
        )
    return await _find_by_id(store, organization_id, customer_id)


async def _find_by_id(store: Store, organization_id: int, customer_id: int) -> tuple[Person, str]:
    """The person, also in words: `customer 3, which is now customer 1, erased, with 3 merged into it (…)`."""
    person = (await merges_and_erasures.find_persons(store, organization_id, (customer_id,)))[customer_id]
    now = "" if customer_id == person.customer_id else f"customer {customer_id}, which is now "
    erased = ", erased" if person.erased else ""
    merged = f", with {', '.join(map(str, person.merged_ids))} merged into it" if person.merged_ids else ""
    count = await count_identifiers(store, organization_id, person)
    return person, f"{now}customer {person.customer_id}{erased}{merged} ({count} identifiers)"
