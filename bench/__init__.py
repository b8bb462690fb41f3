"""Measurements. They compare programs that run side by side, and no test runs them."""
