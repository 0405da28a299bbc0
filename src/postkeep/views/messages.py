"""What the pages say of refusals: a title for each status, and a sentence for each code that people can act on.

Programs go by the code; what stands here is translated, and may change.
"""

from typing import Final


def mark(message: str) -> str:
    """Mark a message for translation, which happens where it is shown."""
    return message


TITLES: Final = {
    400: mark("This request cannot be read"),
    403: mark("Not allowed"),
    404: mark("Nothing here"),
    405: mark("Not this way"),
    408: mark("Too slow"),
    409: mark("Somebody was faster"),
    412: mark("Somebody was faster"),
    413: mark("Too large"),
    414: mark("Too large"),
    415: mark("This request cannot be read"),
    422: mark("This does not fit"),
    429: mark("Too often"),
    431: mark("Too large"),
    500: mark("Something broke"),
    503: mark("One moment"),
}

EXPLANATIONS: Final = {
    400: mark("Your browser sent something that makes no sense here. Go back and try again."),
    403: mark("This is not yours to do."),
    404: mark("There is no such page. Perhaps what was here has been deleted."),
    405: mark("This address takes something else. Start from the first page."),
    408: mark("The request took too long to arrive. Try again, perhaps with a better connection."),
    409: mark("Something changed meanwhile. Go back and look again."),
    412: mark("Something changed meanwhile. Go back and look again."),
    413: mark("That is more than fits into one post."),
    414: mark("The address is longer than any that there is here."),
    415: mark("Your browser sent something that makes no sense here. Go back and try again."),
    422: mark("The address or the form holds something that makes no sense here."),
    429: mark("There were too many requests. Wait a little, and try again."),
    431: mark("Your browser sends more than fits. Deleting this site's cookies helps."),
    500: mark("The mistake is ours, not yours, and it has been written down. Try again."),
    503: mark("Postkeep cannot do this just now. Nothing was lost; try again in a moment."),
}

SENTENCES: Final = {
    "account_changed": mark("Another account is logged in here by now, so nothing is done yet."),
    "cookie_invalid": mark("A cookie of this site is broken. Delete this site's cookies and log in again."),
    "cross_origin": mark("This came from another site, so nothing was done. Open the page here and try again."),
    "cursor_invalid": mark("This page of the list does not exist. Start from the newest posts."),
    "email_invalid": mark("Enter an address like ann@example.com."),
    "email_taken": mark("This address has an account already. Log in instead."),
    "entries_refused": mark("Look at the marked fields."),
    "hashing_busy": mark("Too many people are logging in at this moment. Try again in a moment."),
    "idempotency_key_in_use": mark("This is being saved at this moment. Try again in a moment."),
    "import_under_way": mark("Another file of yours is being brought in just now. Try again when that is done."),
    "invalid_credentials": mark("The address or the password is wrong."),
    "invalid_form": mark("Your browser sent something that makes no sense here. Go back and try again."),
    "no_room": mark("There is no room for so large a file just now. Try again in a moment."),
    "password_compromised": mark(
        "Others would guess this password: it is common, or your own address, or the name of this site."
    ),
    "password_invalid": mark("The password holds something that is not a character."),
    "password_too_long": mark("A password has at most 128 characters."),
    "password_too_short": mark("A password has at least %(least)s characters."),
    "post_absent": mark("There is no such post. Perhaps it has been deleted."),
    "query_invalid": mark("A search has at most 16 words and 200 characters."),
    "quota_exceeded": mark("You have kept as much as fits. Delete something to make room."),
    "search_unavailable": mark("This search took too long, or too many search at once. Try again in a moment."),
    "session_absent": mark("That session has ended already."),
    "signed_out": mark("You are not logged in any more."),
    "status_invalid": mark("Choose one of these."),
    "storage_unavailable": mark("The database does not answer just now. Nothing was lost; try again in a moment."),
    "text_invalid": mark("Write something."),
    "text_too_long": mark("The text and the title are longer than 1 MB together."),
    "title_invalid": mark("A title has at most 200 characters, and one that can be seen."),
    "tls_needed": mark(
        "This page came without encryption, so your browser cannot stay logged in. Use its https address."
    ),
    "token_invalid": mark("You are not logged in any more."),
    "too_many_attempts": mark("There were too many attempts. Wait a little before the next one."),
    "too_many_imports": mark("Too many are bringing posts in just now. Try again in a moment."),
    "too_many_bodies": mark("Too much is being sent just now. Try again in a moment."),
    "unsupported_media_type": mark("Your browser sent something that makes no sense here. Go back and try again."),
    "untrusted_host": mark("This server does not go by the name in the address."),
    "version_conflict": mark("This post was changed elsewhere since you opened it. Nothing is lost: choose below."),
    "version_invalid": mark("Your browser sent something that makes no sense here. Go back and try again."),
    "wrong_password": mark("This is not your password."),
}

REASONS: Final = {
    "body_too_large": mark("This file is larger than that."),
    "line_invalid": mark("This is neither a ZIP nor a file of JSON Lines."),
    "zip_bomb": mark("What is packed in this ZIP is more than can be brought in at once."),
    "zip_invalid": mark("This ZIP cannot be read. Perhaps not all of it has come along."),
    "date_invalid": mark("Its date cannot be read, or lies in the future."),
    "differs": mark("There is a post with this id already that says something else. It stays as it is."),
    "extra_forbidden": mark("It holds something that no post has."),
    "file_damaged": mark("It is damaged."),
    "file_not_utf8": mark("Its letters are written in an old way. Save it as UTF-8."),
    "file_unreadable": mark("It is encrypted, or packed in an unusual way."),
    "front_matter_invalid": mark("What stands between the dashes at its beginning cannot be read."),
    "id_invalid": mark("Its id cannot be read."),
    "name_repeated": mark("Another file of this ZIP has the same name."),
    "name_unsafe": mark("Its name leads out of the ZIP."),
    "not_markdown": mark("It is no Markdown file: those end with .md."),
    "post_too_large": mark("It is longer than 1 MB."),
    "quota_exceeded": mark("You have kept as much as fits."),
    "status_invalid": mark("Its status is none of draft, published and archived."),
    "text_invalid": mark("There is no text in it."),
    "title_invalid": mark("Its title is longer than 200 characters, or cannot be seen."),
    "too_many_entries": mark("No more than 200,000 posts come in at once. Bring in the rest with another file."),
    "version_invalid": mark("Its version cannot be read."),
}
"""Why a file cannot be brought in, or something in it."""
