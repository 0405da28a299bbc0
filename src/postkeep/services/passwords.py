"""Which passwords may be kept."""

from typing import Final

from postkeep.domain.accounts import PASSWORD_MIN_LENGTH, Email, Password, PasswordCompromised
from postkeep.services.ports import CommonPasswords

PRODUCT_NAME: Final = "postkeep"


class PasswordPolicy:
    """Which passwords may be kept.

    Source: NIST SP 800-63B-4 3.1.1.2 (a minimum length, a list of what everybody tries, words of the context; no
    rules of composition).
    """

    def __init__(self, common: CommonPasswords, *, min_length: int = PASSWORD_MIN_LENGTH) -> None:
        """Take the list of common passwords, and the least number of code points (8 or more)."""
        self._common = common
        self._min_length = max(min_length, PASSWORD_MIN_LENGTH)

    def check(self, password: Password, email: Email) -> None:
        """Refuse a password that others would guess, with the reason.

        Raises:
            PasswordTooShort: Shorter than this server asks for.
            PasswordCompromised: Common, the person's own address, or this product's name with ornaments.
        """
        password.check_length(self._min_length)
        folded = password.secret.casefold()
        if folded in {email.key, email.address.casefold(), email.local_part}:
            reason = "The password is the e-mail address; others would try that first."
        elif "".join(c for c in folded if c.isalpha()) == PRODUCT_NAME:
            reason = "The password is this product's name; others would try that first."
        elif password in self._common:
            reason = "The password is on the lists of common passwords; others would try it first."
        else:
            return
        raise PasswordCompromised(reason)
