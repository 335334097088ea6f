"""Tells Piccolo where this package's migrations and tables are."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from sync.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="sync",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    table_classes=list(TABLES),
)
