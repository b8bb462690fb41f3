"""The room of meaning: the GraphQL schema, and the use case that both faces of the gateway call.

A resolver decides what absence means; it knows the loaders, but neither HTTP nor the driver.
"""
