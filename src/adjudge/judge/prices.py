"""What tokens cost: a price table from a file, estimates before asking, and a budget that stops in time."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from adjudge.errors import BadConfig, did_you_mean

FIRST_TOKENS_PER_BYTE = 1.0
"""Until an answer has told the real rate, a request is taken to cost at most one token a byte."""
TEMPLATE_TOKENS = 64
"""What a chat template may add to a request."""
MARGIN = 1.25
"""Over the dearest rate seen so far."""


@dataclass(frozen=True)
class Price:
    """Currency a million tokens, in and out; `batch` is the factor for offline batch files."""

    input: float
    output: float
    batch: float = 1.0

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Money for these tokens.

        >>> Price(0.5, 1.5).cost(1_000_000, 200_000)
        0.8
        """
        return (tokens_in * self.input + tokens_out * self.output) / 1e6


def price_of(file: Path | None, model: str) -> Price | None:
    """The model's price in a JSON file {model: {"input": .., "output": .., "batch": ..}}; None without a
    file.

    Prices are currency per million tokens. Raises BadConfig if the file does not price the model.
    """
    if file is None:
        return None
    try:
        prices = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadConfig(f"{file} cannot be read as a price table: {error}") from error
    if not isinstance(prices, dict) or model not in prices:
        models = list(prices) if isinstance(prices, dict) else []
        raise BadConfig(
            f"{file} has no price for {model!r}: allowed are "
            f"{', '.join(models)}{did_you_mean(model, models)}; "
            f'add {{"{model}": {{"input": 0.0, "output": 0.0}}}}, currency a million tokens'
        )
    try:
        price = Price(**{key: float(value) for key, value in prices[model].items()})
    except (TypeError, ValueError, AttributeError) as error:
        raise BadConfig(f"{file}: a price is input, output and optional batch ({error})") from error
    if not all(0 <= number < math.inf for number in (price.input, price.output, price.batch)):
        raise BadConfig(
            f"{file}: the price of {model} is {prices[model]}: allowed are finite numbers from 0 on"
        )
    return price


class Budget:
    """Money spent and money promised to requests in flight; `reserve` refuses what could pass the budget.

    A promise is an upper bound: the dearest tokens-a-byte seen so far with a margin (one token a byte before
    any answer), and the longest answer allowed.
    """

    def __init__(self, price: Price | None, budget: float | None, spent: float, max_tokens: int) -> None:
        if budget is not None and price is None:
            raise BadConfig("a budget needs a price table: name one with --prices FILE.json")
        self.price, self.budget, self.spent, self.max_tokens = price, budget, spent, max_tokens
        self.promised = 0.0
        self._dearest = 0.0

    def bound(self, size: int) -> float:
        """The most that a request of `size` bytes may cost."""
        if self.price is None:
            return 0.0
        rate = min(FIRST_TOKENS_PER_BYTE, self._dearest * MARGIN) if self._dearest else FIRST_TOKENS_PER_BYTE
        return self.price.cost(int(size * rate) + TEMPLATE_TOKENS, self.max_tokens)

    def reserve(self, size: int) -> float | None:
        """Promise the money for a request; None if that could pass the budget."""
        most = self.bound(size)
        if self.budget is not None and self.spent + self.promised + most > self.budget:
            return None
        self.promised += most
        return most

    def reserve_anyway(self, size: int) -> float:
        """Promise the money for a request that is out already, whatever the budget."""
        most = self.bound(size)
        self.promised += most
        return most

    def release(self, promised: float) -> None:
        """No answer came, and none is billed: the promise is off."""
        self.promised -= promised

    def settle(
        self, promised: float, size: int, tokens_in: int | None, tokens_out: int | None
    ) -> float | None:
        """Book an answer; its cost, None without a price. Unknown token counts are booked at the promise."""
        self.promised -= promised
        if self.price is None:
            return None
        if tokens_in is None or tokens_out is None:
            cost = promised
        else:
            self._dearest = max(self._dearest, (tokens_in - TEMPLATE_TOKENS) / max(size, 1), 0.01)
            cost = self.price.cost(tokens_in, tokens_out)
        self.spent += cost
        return cost
