"""Models that were trained when the image was built, and which of them answers whom."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np

FEATURES = 13


@dataclass(frozen=True)
class Model:
    """A classifier of wines under a name."""

    name: str
    classifier: object

    def predict(self, features: list[float]) -> tuple[int, float]:
        """The cultivar, and how sure the model is of it."""
        chances = self.classifier.predict_proba(np.array([features]))[0]
        best = int(np.argmax(chances))
        return best, float(chances[best])


@dataclass(frozen=True)
class Split:
    """The model for everybody, and the one that is tried on a share of users."""

    usual: Model
    tried: Model | None = None
    share: float = 0.0

    def model_for(self, user: str) -> Model:
        """Always the same for the same user."""
        if self.tried is None:
            return self.usual
        place = int.from_bytes(hashlib.sha256(user.encode()).digest()[:8], "big") / 2**64
        return self.tried if place < self.share else self.usual


def load(directory: Path, env: dict[str, str] | None = None) -> Split:
    """What is in a directory: `a.joblib`, and for a trial `b.joblib`, which TRIAL_SHARE of the users get."""
    env = dict(os.environ) if env is None else env
    text = env.get("TRIAL_SHARE") or "0"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"TRIAL_SHARE: a number from 0 to 1 is needed, not {text!r}")
    usual = Model("a", joblib.load(directory / "a.joblib"))
    if share == 0:
        return Split(usual)
    return Split(usual, Model("b", joblib.load(directory / "b.joblib")), share)
