"""Judges a model: `python -m training.judge accuracy|speed FILE REPORT`. The report is written whatever the verdict is."""

import json
import sys
import time
from pathlib import Path

import joblib
import numpy as np

from training.data import wines

# At least this share of wines that the model never saw.
LEAST_ACCURACY = 0.93
# At most so many milliseconds of this process's own time for one prediction, in 95 of 100: not those of a busy machine.
MOST_MILLISECONDS = 60.0


def accuracy(model: object) -> tuple[dict, bool]:
    _, _, features, cultivars = wines()
    share = float(np.mean(model.predict(features) == cultivars))
    return {"accuracy": round(share, 4), "least": LEAST_ACCURACY, "wines": len(cultivars)}, share >= LEAST_ACCURACY


def speed(model: object, times: int = 60) -> tuple[dict, bool]:
    _, _, features, _ = wines()
    spent = []
    for i in range(times):
        begin = time.process_time()
        model.predict_proba(features[i % len(features)].reshape(1, -1))
        spent.append(1000 * (time.process_time() - begin))
    most = float(np.percentile(spent, 95))
    return {"p95_milliseconds": round(most, 2), "most": MOST_MILLISECONDS}, most <= MOST_MILLISECONDS


JUDGES = {"accuracy": accuracy, "speed": speed}


def main(arguments: list[str]) -> int:
    if len(arguments) != 3 or arguments[0] not in JUDGES:
        print(f"usage: judge {'|'.join(JUDGES)} FILE REPORT", file=sys.stderr)
        return 2
    kind, file, report = arguments
    figures, good = JUDGES[kind](joblib.load(file))
    Path(report).write_text(json.dumps(figures) + "\n", encoding="utf-8")
    print(f"{file}: {kind}: {'good' if good else 'NOT GOOD ENOUGH'}: {figures}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
