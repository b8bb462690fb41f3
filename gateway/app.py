"""The application, declared: its routes, its middleware, its error handlers, its lifespan."""

import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from strawberry import Schema
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.auth.authenticator import Authenticator
from gateway.auth.oidc import ExternalIssuer
from gateway.auth.passwords import Passwords
from gateway.auth.tokens import SigningKey, Tokens
from gateway.errors import GRAPHQL_PATH, ErrorAnswers
from gateway.graphql.endpoint import GraphQLEndpoint
from gateway.graphql.limits import Limits
from gateway.graphql.operations import Operations
from gateway.graphql.persisted_documents import PersistedDocuments, trust_manifest
from gateway.health import LIVE, PROBES, READY, Health
from gateway.middleware.admission import Admission, CloseWhenDraining, InFlightRequests
from gateway.middleware.body_limit import BodyLimit
from gateway.middleware.deadline import Deadlines
from gateway.middleware.security_headers import SecurityHeaders, cors_middleware
from gateway.pages import ASSETS_PATH, Pages, Till
from gateway.rest.action_summary import ACTION_SUMMARY_PATH, ActionSummary
from gateway.rest.events import EVENTS_PATH, EventsEndpoint
from gateway.rest.openapi import OPENAPI_PATH, OpenAPIEndpoint
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH, TokenEndpoint
from gateway.settings import Settings
from gateway.telemetry import logs
from gateway.telemetry.setup import Telemetry
from loaders import Dispatchers, Loaders
from loaders.enums import Resource, Right
from loaders.store import Listener, Store
from resolvers.context import Context
from resolvers.schema import create_schema

# New objects before the youngest are looked at, and how often that is before older ones are.
_COLLECT_AFTER = 20_000, 20, 100

# Whoever reads a file slowly takes no room from those who ask for data.
_ALWAYS_ADMITTED = (*PROBES, f"{ASSETS_PATH}/")


def create_app(
    settings: Settings, *, listeners: Sequence[Listener] = (), pages_call_as: Till | None = None
) -> Starlette:
    """The gateway as an ASGI application; `listeners` observe the database commands it sends.

    Its pages know the credentials of `pages_call_as`, which is for the demo alone.
    """
    schema, always_200 = create_schema(), settings.rest_status == "legacy"
    operations = create_operations(schema, settings)
    telemetry = Telemetry(settings.traces)
    listeners = [*telemetry.listeners, *listeners]
    store = Store(
        settings.mongodb_uri,
        settings.database,
        driver=settings.driver,
        listeners=listeners,
        note=telemetry.command,
    )
    dispatchers = Dispatchers(
        store, settings.max_concurrent_batches, settings.max_batch_size, telemetry.batches
    )
    passwords = Passwords(store)
    tokens = Tokens([SigningKey.read(path) for path in settings.signing_keys])
    authenticator = Authenticator(store, passwords, tokens, _external_issuer(settings))
    events_endpoint = EventsEndpoint(store, authenticator.authenticate, settings.pending_event_days)
    introspection = settings.introspection == "on"
    pages = Pages(schema.as_str(), pages_call_as, introspection=introspection)
    description = OpenAPIEndpoint(schema._schema, always_200=always_200)
    persisted = PersistedDocuments(
        operations,
        only_trusted=settings.trusted_documents_only == "on",
        remembered_bytes=settings.apq_cache_bytes,
    )
    traffic = InFlightRequests(settings.max_concurrent_requests)
    health = Health(store, traffic)
    token_endpoint = TokenEndpoint(dispatchers.customers, passwords, tokens)

    async def enter(request: Request) -> Context:
        caller = await authenticator.authenticate(request)
        caller.require(Right.READ, Resource.CUSTOMER, Resource.PROMOTION)
        return Context(Loaders(dispatchers, caller.organization, settings.benefits_since, caller.customer_id))

    graphql_endpoint = GraphQLEndpoint(
        operations, persisted, enter, pages.graphiql if introspection else None
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with telemetry.open(dispatchers.waiting):
                await health.warm_up()
                with traffic.drained():
                    yield
        finally:
            await store.close()

    app = Starlette(
        routes=[
            Route(GRAPHQL_PATH, graphql_endpoint.answer, methods=["GET", "POST"]),
            Route(ACTION_SUMMARY_PATH, ActionSummary(enter).get, methods=["GET"]),
            Route(EVENTS_PATH, events_endpoint.receive, methods=["POST"]),
            Route(TOKEN_PATH, token_endpoint.generate, methods=["POST"]),
            Route(JWKS_PATH, token_endpoint.public_keys, methods=["GET"]),
            Route(OPENAPI_PATH, description.get, methods=["GET"]),
            Route(LIVE, health.live, methods=["GET"]),
            Route(READY, health.ready, methods=["GET"]),
            Route("/", pages.index, methods=["GET"]),
            Route("/docs", pages.docs, methods=["GET"]),
            Mount(ASSETS_PATH, pages.assets),
        ],
        middleware=[
            Middleware(CloseWhenDraining, traffic=traffic),
            *telemetry.middleware,
            Middleware(SecurityHeaders),
            *cors_middleware(settings.cors_origins),
            Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies)),
            Middleware(ErrorAnswers, always_200=always_200),
            Middleware(Admission, traffic=traffic, exempt=_ALWAYS_ADMITTED),
            Middleware(
                Deadlines,
                milliseconds=settings.deadline_ms,
                body_seconds=settings.max_body_seconds,
                exempt=PROBES,
            ),
            Middleware(BodyLimit, most=settings.max_body_bytes),
        ],
        exception_handlers={HTTPException: _leave_to_error_answers},
        lifespan=lifespan,
    )
    # A path is what it is: a redirect would point wherever the request's Host header says.
    app.router.redirect_slashes = False
    return app


def create_operations(schema: Schema, settings: Settings) -> Operations:
    """The operations of the schema; raises `ManifestUnusable` if those of the manifest cannot be trusted."""
    limits = Limits(**{row.name: getattr(settings, f"max_{row.name}") for row in fields(Limits)})
    operations = Operations(
        schema,
        compiled=settings.compiled == "on",
        limits=limits,
        introspection=settings.introspection == "on",
    )
    if settings.trusted_documents:
        trust_manifest(operations, Path(settings.trusted_documents))
    return operations


async def _leave_to_error_answers(_: Request, error: Exception) -> Response:
    raise error


def _external_issuer(settings: Settings) -> ExternalIssuer | None:
    if not settings.oidc_issuer:
        return None
    return ExternalIssuer(
        settings.oidc_issuer,
        settings.oidc_audience,
        settings.oidc_org_claim,
        settings.oidc_orgs,
        settings.oidc_group,
    )


def create_app_from_environment() -> Starlette:
    """What each server process runs."""
    logs.configure()
    app = create_app(Settings.from_environment(os.environ))
    # What is there now stays, and need not be looked at again. Requests leave next to no cycles behind: with
    # Python's own thresholds, looking for them was a sixth of a request and made its slowest answers.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    return app
