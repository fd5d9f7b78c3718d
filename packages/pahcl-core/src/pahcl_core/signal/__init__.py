"""Signal processing on NumPy arrays: filters, heart states, cardiac cycles."""
