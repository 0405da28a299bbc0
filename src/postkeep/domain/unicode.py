"""One question about text that every noun asks."""


def is_encodable(text: str) -> bool:
    """Whether a text is free of lone surrogates, so that UTF-8 can carry it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
