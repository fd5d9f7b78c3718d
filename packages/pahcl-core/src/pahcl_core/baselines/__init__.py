"""What a model must beat: statistics of a recording, and a classifier of scikit-learn."""
