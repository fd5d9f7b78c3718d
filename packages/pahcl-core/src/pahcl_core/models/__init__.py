"""Encoders and heads; they know nothing of files, losses or trackers."""
