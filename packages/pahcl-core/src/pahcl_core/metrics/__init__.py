"""Scores as functions of arrays."""
