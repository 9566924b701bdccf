"""A simulated marketplace with known truth: sellers, Advertising, Search, buyers, annotators and judges."""
