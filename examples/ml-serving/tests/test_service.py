from pathlib import Path

import joblib
import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.models import FEATURES, Model, Split, load


class Always:
    """A classifier that is sure of one answer."""

    def __init__(self, answer: int) -> None:
        self.answer = answer

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        return np.eye(3)[[self.answer] * len(features)]


A, B = Model("a", Always(0)), Model("b", Always(2))
QUESTION = {"user": "ada", "features": [1.0] * FEATURES}


def test_a_wine_is_told_and_counted() -> None:
    client = TestClient(create_app(Split(A)))
    assert client.post("/predict", json=QUESTION).json() == {"cultivar": 0, "chance": 1.0, "model": "a"}
    assert 'predictions_total{cultivar="0",model="a"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("wrong", [{"features": [1.0]}, {"user": ""}, {"features": ["x"] * FEATURES}])
def test_a_question_that_is_wrong_is_refused(wrong: dict) -> None:
    client = TestClient(create_app(Split(A)))
    assert client.post("/predict", json=QUESTION | wrong).status_code == 422


def test_a_trial_has_its_share_of_users_and_keeps_them() -> None:
    split = Split(A, B, 0.1)
    users = [f"user{i}" for i in range(2000)]
    names = [split.model_for(user).name for user in users]
    assert names == [split.model_for(user).name for user in users]
    assert 0.07 < names.count("b") / len(names) < 0.13
    assert TestClient(create_app(Split(A, B, 1.0))).post("/predict", json=QUESTION).json()["model"] == "b"


def test_models_come_from_a_directory(tmp_path: Path) -> None:
    joblib.dump(Always(1), tmp_path / "a.joblib")
    assert load(tmp_path, {}).tried is None
    with pytest.raises(FileNotFoundError):
        load(tmp_path, {"TRIAL_SHARE": "0.5"})
    with pytest.raises(ValueError, match="TRIAL_SHARE: a number from 0 to 1 is needed, not 'half'"):
        load(tmp_path, {"TRIAL_SHARE": "half"})
