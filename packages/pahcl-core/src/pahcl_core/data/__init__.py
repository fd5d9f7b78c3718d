"""Collections of recordings: readers, synthesis, splits, packed cycles."""
