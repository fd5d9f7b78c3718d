"""Contrastive objectives as functions of tensors."""
