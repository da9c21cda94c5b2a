"""Recipes that made the bundled weights."""
