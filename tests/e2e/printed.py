"""Programs as documents print them, with what they say comes out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.servers import PostkeepServer

DOCS: Final = Path(__file__).parents[2] / "docs"
ADDRESS: Final = "http://127.0.0.1:8000"

_SAYS: Final = re.compile(r"^(?:#|//) → (.*)\n", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A block of code in a document.

    Attributes:
        code: What is run.
        says: What stands in its output, in this order.
    """

    code: str
    says: list[str]

    def at(self, server: PostkeepServer) -> str:
        """Return the code with a server's address in place of the printed one."""
        assert self.code.count(ADDRESS) == 1
        return self.code.replace(ADDRESS, server.url)

    def said(self, output: str) -> list[str]:
        """Return what it says and stands in an output, as far as it comes in this order."""
        found: list[str] = []
        for line in self.says:
            _, mark, output = output.partition(line)
            if not mark:
                break
            found.append(line)
        return found


def programs(document: str, language: str) -> list[Program]:
    """Return the blocks of a document that are in a language, by the name that stands behind the fence."""
    text = (DOCS / document).read_text("utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Program(_SAYS.sub("", block), _SAYS.findall(block)) for block in blocks]
