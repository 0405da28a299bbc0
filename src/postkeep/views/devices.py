"""Devices, as their owners call them."""

from typing import Final

_BROWSERS: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "YaBrowser": "Yandex",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
"""By the word in User-Agent. The first that is found counts: each of them pretends to be those that come after."""

_SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}

_SHOWN: Final = 40


def device_name(user_agent: str) -> str:
    """Return what to call a device that called itself so: "Firefox, Linux"; or the beginning of what it said."""
    browser = next((name for word, name in _BROWSERS.items() if f"{word}/" in user_agent), "")
    system = next((name for word, name in _SYSTEMS.items() if word in user_agent), "")
    return ", ".join(filter(None, (browser, system))) or user_agent[:_SHOWN]
