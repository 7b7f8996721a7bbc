"""POST /predict, GET /metrics for Prometheus, GET /health."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from pydantic import BaseModel, Field

from service.models import FEATURES, Split, load


class Question(BaseModel):
    """Who asks, and the measurements of a wine."""

    user: str = Field(min_length=1, max_length=200)
    features: Annotated[list[float], Field(min_length=FEATURES, max_length=FEATURES)]


def create_app(split: Split) -> FastAPI:
    """One service; its counters are its own."""
    app = FastAPI(title="Wines")
    registry = CollectorRegistry()
    predictions = Counter("predictions", "Predictions, by model and result.", ["model", "cultivar"], registry=registry)

    @app.post("/predict")
    def predict(question: Question) -> dict:
        model = split.model_for(question.user)
        cultivar, chance = model.predict(question.features)
        predictions.labels(model.name, str(cultivar)).inc()
        return {"cultivar": cultivar, "chance": round(chance, 4), "model": model.name}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/health")
    def health() -> dict:
        tried = split.tried.name if split.tried else None
        return {"model": split.usual.name, "trial": tried}

    return app


def app() -> FastAPI:
    """What uvicorn serves: the models of MODELS."""
    return create_app(load(Path(os.environ.get("MODELS", "/models"))))
