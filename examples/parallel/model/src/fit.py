"""Fits a price to parcels that were sent: `python -m src.fit data/parcels.csv model.json`."""

import csv
import json
import sys
from pathlib import Path

import numpy as np


class DataError(ValueError):
    """Data that no price can be fitted to; the message names the line."""


def read(path: Path) -> np.ndarray:
    """Rows of weight in kg, distance in km and price in cents."""
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                values = [float(row[name]) for name in ("kg", "km", "cents")]
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{path.name}:{number}: kg, km and cents are numbers") from error
            if min(values) <= 0:
                raise DataError(f"{path.name}:{number}: a number above 0 is needed")
            rows.append(values)
    if len(rows) < 4:
        raise DataError(f"{path.name}: {len(rows)} parcels are too few")
    return np.array(rows)


def fit(parcels: np.ndarray) -> dict:
    """Least squares: a base price, and a price for each kilogram and kilometre."""
    known = np.column_stack([np.ones(len(parcels)), parcels[:, :2]])
    (base, per_kg, per_km), *_ = np.linalg.lstsq(known, parcels[:, 2], rcond=None)
    return {
        "base": round(float(base), 4),
        "per_kg": round(float(per_kg), 4),
        "per_km": round(float(per_km), 4),
        "sample": len(parcels),
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: fit DATA MODEL", file=sys.stderr)
        return 2
    data, model = map(Path, arguments)
    fitted = fit(read(data))
    model.write_text(json.dumps(fitted) + "\n", encoding="utf-8")
    print(f"{model}: {fitted}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
