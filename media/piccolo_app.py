"""Tells Piccolo where this package's migrations and tables are."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from media.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="media",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=list(TABLES),
)
