"""What is counted of an attempt to get in, and how many are let through."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from postkeep.domain.accounts import Email
from postkeep.domain.attempts import AttemptKey, Network, Rule, Success


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many attempts are let through; 0 stands for any number.

    Attributes:
        failures: Of one account from one network in 15 minutes; ten times as many in a day from all networks, and
            then only those may try that have logged in to it before.
        network_failures: Of all accounts from one network in 15 minutes.
        signups: From one network in an hour, whatever comes of them.
    """

    failures: int = 10
    network_failures: int = 100
    signups: int = 1000


class Counter(NamedTuple):
    """One count that an attempt stands in."""

    key: AttemptKey
    rule: Rule


class AttemptRules:
    """The rules that the limits make.

    Attributes:
        account: For one account, from all networks.

    Source: NIST SP 800-63B-4 3.2.2 (no more than 100 failures of one account).
    """

    def __init__(self, limits: AttemptLimits) -> None:
        """Make them."""
        quarter, hour, day = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
        self._login = Rule("login", limits.failures, quarter, grows=True, success=Success.FORGIVES)
        self._network = Rule("network", limits.network_failures, quarter, grows=True)
        self.account = Rule("account", 10 * limits.failures, day)
        self._signups = Rule("signup", limits.signups, hour, success=Success.COUNTS)

    def of_proof(self, email: Email | None, network: Network) -> list[Counter]:
        """Return the counts that an attempt to prove a password stands in."""
        # By what was typed and not by the account that it names, which the answer must not depend on.
        typed = "" if email is None else email.key
        counters = [
            Counter(self._login.key(typed, network.name), self._login),
            Counter(self._network.key(network.name), self._network),
        ]
        if email is not None:
            counters.append(Counter(self.account.key(typed), self.account))
        return _used(counters)

    def of_signup(self, network: Network) -> list[Counter]:
        """Return the counts that a sign-up stands in."""
        return _used([Counter(self._signups.key(network.name), self._signups)])


def _used(counters: list[Counter]) -> list[Counter]:
    """Leave out what is switched off."""
    return [counter for counter in counters if counter.rule.limit > 0]
