"""Pictures of segmentations and of collections, drawn by matplotlib where it is installed."""
