from pathlib import Path

import numpy as np
import pytest

from src.fit import DataError, fit, main, read


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["kg,km,cents", *lines]) + "\n", encoding="utf-8")
    return path


def test_an_exact_price_is_found() -> None:
    parcels = np.array([[kg, km, 300 + 50 * kg + 2 * km] for kg in (1, 2, 5) for km in (10, 200)])
    assert fit(parcels) == {"base": 300.0, "per_kg": 50.0, "per_km": 2.0, "sample": 6}


def test_the_data_make_a_price_that_grows(tmp_path: Path) -> None:
    model = fit(read(Path("data/parcels.csv")))
    assert model["per_kg"] > 0 and model["per_km"] > 0


@pytest.mark.parametrize("line", ["1,2", "1,two,3", "0,2,3"])
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match="^parcels.csv:3: "):
        read(write(tmp_path / "parcels.csv", "1,2,3", line))


def test_too_few_parcels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 parcels are too few"):
        read(write(tmp_path / "parcels.csv", "1,2,3"))


def test_the_command_writes_a_model(tmp_path: Path) -> None:
    assert main(["data/parcels.csv", str(tmp_path / "model.json")]) == 0
    assert '"per_kg"' in (tmp_path / "model.json").read_text(encoding="utf-8")
    assert main([]) == 2
