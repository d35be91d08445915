"""A model tried outside a round: what `add` refuses, `check --deep` finds and `predict` writes."""
