"""Trackers where people train already: each module needs the library that it is named after."""
