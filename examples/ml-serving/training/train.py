"""Trains a model: `python -m training.train forest /models/a.joblib`."""

import sys
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.data import wines

KINDS = {
    "forest": lambda: RandomForestClassifier(n_estimators=60, random_state=7),
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500)),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in KINDS:
        print(f"usage: train {'|'.join(KINDS)} FILE", file=sys.stderr)
        return 2
    features, cultivars, _, _ = wines()
    model = KINDS[arguments[0]]().fit(features, cultivars)
    path = Path(arguments[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, path)
    print(f"{path}: {arguments[0]}, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
