"""Servers that misbehave on purpose, on loopback, each in a few lines."""
