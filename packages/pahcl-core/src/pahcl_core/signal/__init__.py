"""Signal processing on NumPy arrays: filters, envelopes, cardiac cycles."""
