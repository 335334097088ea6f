"""Prints the OpenAPI document, for `npm run types`; nothing has to run for it."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path

from backend.settings import Settings
from deploy.app import create_app


def document() -> str:
    """The document of the application as it stands, keys sorted."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "secret"
        key.write_bytes(secrets.token_bytes(32))
        key.chmod(0o600)
        app = create_app(
            Settings(
                database_url="postgresql://nobody@127.0.0.1/nothing",
                s3_endpoint="http://127.0.0.1:9",
                s3_access_key="",
                s3_secret_key="",
                s3_bucket="evidence",
                public_url="http://127.0.0.1",
                secret_key_file=key,
                work_dir=Path(folder),
            )
        )
    return json.dumps(app.openapi_schema.to_schema(), indent=1, ensure_ascii=False, sort_keys=True)


if __name__ == "__main__":
    print(document())
