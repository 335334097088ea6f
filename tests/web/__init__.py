"""The console in a real browser, against the really running product."""
