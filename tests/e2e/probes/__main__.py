"""Send one of the fuzzer's cases to a server again: python -m tests.e2e.probes PORT SEED NUMBER."""

import asyncio
import sys

from tests.e2e.clients import connect
from tests.e2e.probes.corpus import Corpus
from tests.e2e.probes.fuzzer import Fuzzer


def main(port: int, seed: int, number: int) -> int:
    """Send it and show what was sent, what came back, and what is wrong with that.

    Returns:
        1 if something is.
    """
    with connect(f"http://127.0.0.1:{port}") as http:
        fuzzer = Fuzzer(port, Corpus(http), seed, forbidden=[])
        case, outcome = asyncio.run(fuzzer.try_one(number))
    for segment in case.sent.segments:
        print(">", segment)
    print("<", outcome)
    print("\n".join(failure.splitlines()[0] for failure in fuzzer.failures) or "nothing is wrong with that")
    return 1 if fuzzer.failures else 0


if __name__ == "__main__":
    sys.exit(main(*(int(argument) for argument in sys.argv[1:])))
