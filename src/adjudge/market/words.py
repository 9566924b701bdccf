"""Brands, series, model numbers and the noise of sellers' titles. Made up, out of plain English words."""

from __future__ import annotations

BRANDS = {
    "electronics": (
        *("summit", "falcon", "orchid", "northwind", "ember", "cobalt", "lumen", "zenith", "raven", "quartz"),
        *("beacon", "harbor", "vertex", "aurora", "sparrow", "granite"),
    ),
    "home": (
        *("maple", "hearth", "willow", "cottage", "linden", "meadow", "harbor", "ivory", "juniper", "anvil"),
        *("orchid", "copper fox", "clover", "pebble", "haven", "ember"),
    ),
    "outdoors": (
        *(
            "timber",
            "falcon",
            "badger",
            "ridge",
            "boulder",
            "granite",
            "trail king",
            "otter",
            "heron",
            "anvil",
        ),
        *("pioneer", "thistle", "summit", "bison", "current", "sturdy"),
    ),
    "style": (
        *(
            "velour",
            "monarch",
            "raven",
            "swift",
            "stride",
            "jasmine",
            "duchess",
            "panther",
            "coral",
            "saffron",
        ),
        *("monsoon", "comet", "meadow", "ivory", "gazelle", "pioneer"),
    ),
    "leisure": (
        *(
            "rainbow",
            "puffin",
            "cricket",
            "comet",
            "acorn",
            "bramble",
            "melody",
            "sparrow",
            "tadpole",
            "quill",
        ),
        *("juniper", "lantern", "giggle", "otter", "aurora", "cobalt"),
    ),
}
"""Brands by department; those in two lists are ambiguous, as real brands are."""

SERIES = (
    *("orbit", "nova", "pulse", "titan", "breeze", "echo", "fusion", "glide", "horizon", "ignite", "jet"),
    *("legend", "magnet", "nimbus", "oasis", "phantom", "quest", "rapid", "sprint", "tempo", "unity"),
    *("vector", "wave", "xenon", "yield", "zephyr", "atlas", "bolt", "crest", "delta", "edge", "flare"),
    *("grand", "halo", "iris", "jade", "karma", "lotus", "mirage", "nexus", "omega", "prime", "rover"),
    *("spirit", "trek", "ultra", "viper", "wizard", "apex", "blaze"),
)
NUMBERS = (
    *("x100", "x200", "x300", "s20", "s21", "s22", "11", "12", "13", "14", "15"),
    *("3000", "5000", "7000", "v2", "v3", "v8", "m1", "m2", "gt4", "gt6", "t10", "t20", "500", "700", "900"),
)
SUFFIXES = ("pro", "max", "mini", "plus", "lite")

FILLERS = (
    *("free shipping", "fast dispatch", "genuine", "high quality", "best price", "great gift", "original"),
    *("premium", "top seller", "boxed", "hot sale", "uk stock", "official", "look", "must see", "durable"),
    *("lightweight", "easy to use", "heavy duty", "modern", "classic", "for men women", "family", "travel"),
)
CONDITION_WORDS = (
    ("new", "brand new", "new sealed"),
    ("used", "pre owned", "second hand", "excellent condition"),
    ("refurbished", "renewed", "reconditioned"),
)
"""How titles say each condition of `shop.CONDITIONS`; the first word is also how buyers say it."""
