"""adjudge: language-model judgment turned into cheap, fast relevance models.

Importing the package costs nothing: every room is imported where it is used.
"""

__version__ = "0.1.0"
