"""What a visitor is told."""

from markupsafe import escape


def greeting(name: str | None) -> str:
    return f"<p>Python greets {escape(name or 'you')}</p>\n"
