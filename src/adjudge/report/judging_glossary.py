"""The words of a page about a judge: verdicts, coefficients and probes in plain language."""

from __future__ import annotations

VERDICTS = {
    "trusted": "The judge can be trusted, by the rule that was set beforehand.",
    "not trusted": "The judge cannot be trusted, by the rule that was set beforehand. More labels would not change that.",
    "inconclusive": "These labels do not decide whether the judge can be trusted.",
    "broken": "The judge could not be measured.",
}
ROUTED = {
    "validated": "The cheap judge may answer its sure cases.",
    "frozen": "The cheap judge answers the sure cases of an earlier run.",
    "not validated": "The cheap judge was not shown to be good enough anywhere. Nothing was routed.",
}
COEFFICIENTS = {
    "kappa": (
        "Cohen's kappa",
        "Agreement beyond chance: 0 is what chance gives, 1 is all alike. With three grades or more a miss by two steps counts four times a miss by one.",
    ),
    "pabak": (
        "PABAK",
        "What kappa would be if all grades were equally common. Where nearly all pairs are of one kind kappa falls and PABAK does not: read both.",
    ),
    "ac1": ("Gwet's AC1", "Another kappa that does not fall where one grade is rare."),
    "exact": ("Same grade", "Share of pairs that got the very same grade."),
    "within_one": ("At most one step apart", "Share of pairs whose grades are the same or neighbours."),
    "balanced": (
        "Balanced accuracy",
        "Same grade, averaged over people's grades, so that a common grade does not drown a rare one.",
    ),
    "kappa_nominal": ("Kappa, every miss alike", "As if grades had no order."),
    "kappa_linear": ("Kappa, by steps", "A miss by two steps counts twice a miss by one."),
    "kappa_quadratic": ("Kappa, by squared steps", "A miss by two steps counts four times a miss by one."),
}
SHARES = ("exact", "within_one", "balanced")
"""Coefficients that are shares of pairs; the others run from below 0 to 1."""
ALWAYS = ("kappa", "pabak", "ac1", "exact", "balanced")
ORDERED = ("within_one", "kappa_nominal", "kappa_linear")
"""Further ones where the scale has three grades or more."""

PROBES = {
    "leniency": ("Leniency", "Says “relevant” more often than people do on the same pairs."),
    "overlap": (
        "Word overlap",
        "Leans towards “relevant” where keyphrase and title share words, among pairs that people graded alike.",
    ),
    "coverage": (
        "Keyphrase in title",
        "Leans towards “relevant” where the title holds the keyphrase's words, among pairs that people graded alike.",
    ),
    "title length": (
        "Title length",
        "Leans towards “relevant” on longer titles, among pairs that people graded alike.",
    ),
    "position": ("Order of options", "Answers otherwise when the options are shown the other way round."),
    "stuffing": (
        "Keyword stuffing",
        "Can be talked into “relevant” by putting the keyphrase into the title.",
    ),
    "padding": ("Empty words", "Answers otherwise when empty words are added to the title."),
    "rewording": ("Wording of the prompt", "Answers otherwise when the question is put in other words."),
}
MEASURES = {
    "shift": "change of the share it calls relevant",
    "flips": "share of verdicts that change",
    "self-kappa": "kappa of the judge with itself",
}
METHODS = {
    "people only": "Labelled pairs alone; honest, but few.",
    "judge only": "The judge's own answers on all pairs; many, but with its faults, and no interval tells how far off.",
    "ppi": "The judge on all pairs, corrected by its error on the labelled ones (prediction-powered inference).",
    "ppi++": "The same, with the judge given the weight that makes the interval shortest.",
}
KINDS = {
    "all strong": "strong judge on every pair",
    "cascade": "cascade",
    "all cheap": "cheap judge on every pair",
    "random": "as many calls, drawn blindly",
}
GROUPS = {"category": "Category", "words": "Words in the keyphrase", "volume": "Search volume"}
TERMS = {
    "Judge": "Whoever grades pairs of item and keyphrase in people's place: a language model, a fine-tuned model, a student.",
    "Unscored": "No usable answer: off the scale, none came, or nobody asked; the reason is kept. It is never counted as a grade.",
    "Label": "What people say of a pair. By the unanimity rule a pair has a label only where all of its annotators gave the "
    "same grade, so figures against labels are about the clear cases.",
    "Interval": "The range in which the figure falls in most redraws of the data. Items are redrawn, not pairs, since pairs of one "
    "item are not independent. Under 20 items there is none.",
    "Krippendorff's alpha": "How far annotators agree with one another beyond chance: 1 is all alike, 0 is chance. A judge can "
    "hardly agree with people more than people do.",
    "COEC": "Clicks over expected clicks: clicks that a kind of pair got, over those that the average pair in the same places on "
    "the page gets. Above 1: buyers liked it more than its place explains.",
    "Confidence": "Of two grades, the probability of the grade that the judge gave; of more, 1 less the distance in steps from "
    "that grade to the step it expected. A judge that gives no probabilities has none: its answers stand or fall by grade.",
    "Confident region": "The answers of the cheap judge that stand: for each grade, those from a stated confidence on. It is "
    "chosen on one half of the labels and shown on the other; the halves share no item.",
}
