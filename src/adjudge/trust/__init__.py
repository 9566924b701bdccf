"""How far a judge can be trusted: against people, against clicks, against itself; and corrected relevance rates."""
