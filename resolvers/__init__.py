"""The GraphQL schema, and the use case that the GraphQL API and the REST API share.

A resolver decides what it means that something was not found. It knows the loaders, but neither HTTP nor the
driver.
"""
