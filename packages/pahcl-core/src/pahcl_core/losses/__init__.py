"""Objectives as functions of tensors: contrastive ones, and what a mistake in a class costs."""
