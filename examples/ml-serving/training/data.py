"""The wines: what models learn from, and what they never see."""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def wines() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features and cultivars to train with, and those to judge by: the same split every time."""
    features, cultivars = load_wine(return_X_y=True)
    train, test, train_to, test_to = train_test_split(
        features, cultivars, test_size=0.3, random_state=7, stratify=cultivars
    )
    return train, train_to, test, test_to
