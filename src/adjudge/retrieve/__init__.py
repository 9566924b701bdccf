"""Candidate keyphrases for items: a word-to-keyphrase graph a category, nothing trained."""

from adjudge.retrieve.build import Built, build
from adjudge.retrieve.files import Retrieved, retrieve_file
from adjudge.retrieve.graph import Graph, load
from adjudge.retrieve.search import Found, search
from adjudge.retrieve.settings import GraphSettings, SearchSettings

__all__ = [
    "Built",
    "Found",
    "Graph",
    "GraphSettings",
    "Retrieved",
    "SearchSettings",
    "build",
    "load",
    "retrieve_file",
    "search",
]
