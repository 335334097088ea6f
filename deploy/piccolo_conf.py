"""What Piccolo looks up by name: the engine (set by `deploy.migrate`) and the apps to migrate."""

from __future__ import annotations

from piccolo.conf.apps import AppRegistry

from backend.database import Engine

DB: Engine | None = None

APP_REGISTRY = AppRegistry(apps=["backend.piccolo_app", "sync.piccolo_app", "media.piccolo_app"])
