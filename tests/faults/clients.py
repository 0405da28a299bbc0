"""Clients: each does one thing after the other for its user, at random, and writes down all that it sees."""

import asyncio
import base64
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from tests.faults.history import DELETION, Item, Kind, Operation, Outcome, Recorder
from tests.faults.users import STATUSES, Known, User, digest_of, items_of
from tests.faults.wire import Answer, Connection, CutError, NotSentError

LISTS: Final = ("/getPosts", "/api/v1/posts")
ADDS: Final = ("/addPost", "/api/v1/posts")
DELETES: Final = ("/deletePost", "/api/v1/posts")

_PAUSE_SECONDS: Final = 0.2
"""How long a client waits where nobody listens, or the server is not well, before it asks again."""

_TOGETHER: Final = (2, 3, 5, 9, 20)
"""So many posts are changed at once: less than one statement takes, and more."""

_LONG_GOES: Final = 0.3
"""How soon a long post is deleted: if it stayed, clients would do little but read it."""

_OUTDATED: Final = 0.1
"""How often an edit starts from a version that its client knows to be none any more."""

_SENDINGS: Final = 4
"""How often an add is sent with its key as long as nobody knows what came of it."""

_IN_USE: Final = 409
_MAY_REFUSE_KEYS: Final = frozenset({401, 409, 422, 429})
"""What a key that was used before may be refused with: other content, or a session or a limit that is over."""

_MANY: Final = 300
"""More posts than that are read in the largest pages there are."""


@dataclass(frozen=True)
class Habits:
    """What clients do, how often against each other.

    Attributes:
        add: Add a post, as long as the user has fewer than `most`.
        edit: Edit one of the user's own, from the version that is known of it.
        delete: Delete one of the user's own.
        many: Give some of them a status, or delete them, all or none.
        list: List all posts.
        pages: List them page by page.
        refresh: Renew the tokens, sometimes from two tabs at once.
        reuse: Send a refresh token that was used long ago, which ends the session.
        logout: Log out; the next operation logs in.
        alone: End all other sessions of the user; only those of every fourth user do that.
        steal: Try to delete or change a post of somebody else.
        most: So many posts a user has at most, more or less.
        big: Which share of the posts is as long as a post may be.
        keyed: Which share of them comes with a key.
        misused: Which share of the keys comes again with another post.
    """

    add: int = 26
    edit: int = 12
    delete: int = 18
    many: int = 4
    list: int = 36
    pages: int = 6
    refresh: int = 4
    reuse: int = 1
    logout: int = 1
    alone: int = 1
    steal: int = 2
    most: int = 30
    big: float = 0.02
    keyed: float = 0.3
    misused: float = 0.1


MIXED: Final = Habits()
HOARD: Final = Habits(
    add=950,
    edit=10,
    delete=20,
    many=2,
    list=1,
    pages=1,
    refresh=8,
    reuse=1,
    logout=1,
    alone=1,
    steal=4,
    most=60_000,
    big=0.0,
    keyed=0.05,
)
"""Mostly adding: for as many acknowledged posts as can be."""


@dataclass
class _Session:
    """A login, as its client has it.

    Attributes:
        id: Its id.
        access: The access token.
        refresh: The refresh token.
        used: Refresh tokens that were used up, the last one last.
        is_unsure: Whether the last renewal may have been done: then the same token is sent again before anything else.
    """

    id: str
    access: str
    refresh: str
    used: list[str] = field(default_factory=list[str])
    is_unsure: bool = False


class Client:
    """One client of one user.

    Attributes:
        name: Of the client.
        connections: One of them is chosen for each request, at random.
    """

    def __init__(  # noqa: PLR0913 - all that makes one client differ from another
        self,
        name: str,
        user: User,
        others: Sequence[User],
        *,
        connections: Sequence[Connection],
        recorder: Recorder,
        habits: Habits,
        seconds: float,
        choose: random.Random,
    ) -> None:
        """Take what it is and has.

        Args:
            name: Of the client.
            user: Whom it acts for; its process's other clients of this user share the object.
            others: Other users, whose posts it tries to delete.
            connections: Of its own.
            recorder: Takes down all it does.
            habits: What it does how often.
            seconds: How long it waits for an answer.
            choose: Decides.
        """
        self.name = name
        self._user = user
        self._others = others
        self.connections = connections
        self._recorder = recorder
        self._habits = habits
        self._seconds = seconds
        self._choose = choose
        self._count = 0
        self._is_refused = False
        self._session: _Session | None = None
        self._seen: dict[str, Sequence[Item]] = {}

    async def run(self, goes_on: Callable[[], bool]) -> None:
        """Do one thing after another until told to stop; what was begun is finished."""
        while goes_on():
            if self._is_refused:
                await asyncio.sleep(_PAUSE_SECONDS)
            self._is_refused = False
            if self._session is None:
                await self.log_in()
            elif self._session.is_unsure:
                await self._renew(self._session)
            else:
                await self._next(self._session)(self._session)

    async def log_in(self) -> None:
        """Begin a session."""
        operation = self._invoke(Kind.LOGIN)
        answer = await self._ask(operation, "POST", "/api/v1/login", self._user.credentials)
        tokens = self._json(operation, answer)
        if tokens is not None:
            self._session = _Session(
                _session_id(tokens["access_token"]), tokens["access_token"], tokens["refresh_token"]
            )
            operation.session = self._session.id
        self._complete(operation, answer)

    async def read_all(self) -> None:
        """List all posts in every way, if logged in."""
        for step in (self._list, self._list_pages):
            if self._session is not None:
                await step(self._session)

    async def leave(self) -> None:
        """Log out, if logged in."""
        if self._session is not None:
            await self._log_out(self._session)

    def _next(self, session: _Session) -> Callable[[_Session], Awaitable[None]]:
        """Choose what to do next."""
        habits, posts, choose = self._habits, self._user.posts, self._choose
        if len(posts) > habits.most or (self._user.long and choose.random() < _LONG_GOES):
            return self._delete
        steps: dict[Callable[[_Session], Awaitable[None]], int] = {
            self._add: habits.add,
            self._edit: habits.edit if posts else 0,
            self._delete: habits.delete if posts else 0,
            self._change_many: habits.many if posts else 0,
            self._list: habits.list,
            self._list_pages: habits.pages,
            self._renew: habits.refresh,
            self._reuse: habits.reuse if len(session.used) > 1 else 0,
            self._log_out: habits.logout,
            self._end_others: habits.alone if self._user.is_jealous else 0,
            self._steal: habits.steal,
        }
        (step,) = choose.choices(list(steps), list(steps.values()))
        return step

    async def _add(self, session: _Session) -> None:
        """Add a post that nobody else adds; some with a key, by which it is sent again while its outcome is open."""
        self._count += 1
        uid = f"{self._user.name}:{self.name}:{self._count}:{self._choose.getrandbits(64):016x}"
        is_big = self._choose.random() < self._habits.big
        post = self._user.write(uid, self._choose, big=is_big)
        key = f"key-{self._choose.getrandbits(64):016x}" if self._choose.random() < self._habits.keyed else ""
        operation = self._invoke(Kind.ADD, session=session.id, key=key, uid=uid, digest=digest_of(post))
        answer = await self._send(operation, post, session)
        added = self._json(operation, answer)
        if added is not None:
            operation.post = added["postID"]
            self._user.posts[operation.post] = Known(uid, 1)
            if is_big:
                self._user.long[operation.post] = None
        self._complete(operation, answer)
        if operation.is_ok and key and self._session is not None and self._choose.random() < self._habits.misused:
            await self._misuse(session, key)

    async def _send(self, operation: Operation, post: object, session: _Session) -> Answer | None:
        """Send a post; one with a key again and again until it is known what came of it, or patience ends."""
        path, named = self._choose.choice(ADDS), {"idempotency-key": operation.key} if operation.key else {}
        answer, is_open = None, False
        for _ in range(_SENDINGS if operation.key else 1):
            answer = await self._ask(operation, "POST", path, post, session, named=named)
            # One that is still being worked on is one of ours.
            is_open = is_open or operation.outcome is Outcome.INFO or operation.status == _IN_USE
            if operation.is_ok or not is_open or (answer is not None and answer.status in {401, 422}):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        if is_open and not operation.is_ok:
            # What was sent first may have been done, or may be yet, whatever was said of it later.
            operation.outcome = Outcome.INFO
        return answer

    async def _misuse(self, session: _Session, key: str) -> None:
        """Send another post with a key that was used; it must be refused, and never be there."""
        self._count += 1
        uid = f"{self._user.name}:{self.name}:{self._count}:{self._choose.getrandbits(64):016x}"
        post = self._user.write(uid, self._choose, big=False)
        operation = self._invoke(Kind.ADD, session=session.id, key=key, uid=uid, digest=digest_of(post))
        named = {"idempotency-key": key}
        answer = await self._ask(operation, "POST", self._choose.choice(ADDS), post, session, named=named)
        if answer is not None and answer.status < 500 and answer.status not in _MAY_REFUSE_KEYS:
            operation.problem = f"a key that was used for another post is answered with {answer.status}"
        self._complete(operation, answer)

    async def _edit(self, session: _Session) -> None:
        """Edit one of the user's own posts, which another client may be editing or deleting, too."""
        post = self._choose.choice(list(self._user.posts))
        await self._change(session, post, self._user.posts[post])

    async def _change(self, session: _Session, post: str, known: Known) -> None:
        """Edit a post from a version that is, or was, and learn which there is; it is no long one from then on."""
        base = max(1, known.version - (self._choose.random() < _OUTDATED))
        content = self._user.write(known.uid, self._choose, edition=f"{self._choose.getrandbits(64):016x}")
        operation = self._invoke(Kind.EDIT, session=session.id, post=post, base=base, digest=digest_of(content))
        named = self._choose.choice([{"if-match": f'"{base}"'}, {}])
        body = content if named else {**content, "version": base}
        answer = await self._ask(operation, "PATCH", f"/api/v1/posts/{post}", body, session, named=named)
        if answer is not None and answer.status in {200, 412}:
            operation.version = answer.json()["version"]
            if post in self._user.posts:
                self._user.posts[post] = Known(known.uid, operation.version)
            if operation.is_ok:
                self._user.long.pop(post, None)
        elif answer is not None and answer.status == 404:
            self._user.posts.pop(post, None)
            self._user.long.pop(post, None)
        self._complete(operation, answer)

    async def _delete(self, session: _Session) -> None:
        """Delete one of the user's own posts, which another client may be deleting, too."""
        post = self._choose.choice(list(self._user.long or self._user.posts))
        await self._remove(session, post)

    async def _change_many(self, session: _Session) -> None:
        """Give some of the user's own posts a status, or delete them; other clients may be at the same ones."""
        posts = list(self._user.posts)
        some = self._choose.sample(posts, min(len(posts), self._choose.choice(_TOGETHER)))
        await self._change_together(session, some)

    async def _change_together(self, session: _Session, posts: list[str]) -> None:
        """Change some posts, all or none, and forget those of which it is certain that they are gone."""
        change = self._choose.choice([DELETION, *STATUSES])
        operation = self._invoke(Kind.MANY, session=session.id, posts=posts, change=change)
        what = {"delete": True} if change == DELETION else {"status": change}
        answer = await self._ask(operation, "POST", "/api/v1/posts/bulk", {"posts": posts, **what}, session)
        if answer is not None and answer.status == 404:
            operation.absent = answer.json()["absent"]
        said = self._json(operation, answer)
        if change == DELETION and said is not None and said["changed"] != len(posts):
            operation.problem = f"{said['changed']} of {len(posts)} posts were deleted together"
        gone = posts if change == DELETION and operation.is_ok else operation.absent
        for post in gone:
            self._user.posts.pop(post, None)
            self._user.long.pop(post, None)
        self._complete(operation, answer)

    async def _steal(self, session: _Session) -> None:
        """Try to delete, or to change, what belongs to somebody else."""
        posts = [each for other in self._others for each in list(other.posts.items())[-3:]]
        if posts:
            post, known = self._choose.choice(posts)
            mine = list(self._user.posts)[-3:]
            tries = [
                partial(self._remove, session, post),
                partial(self._change, session, post, known),
                partial(self._change_together, session, [post, *mine]),
            ]
            await self._choose.choice(tries)()
        else:
            await self._list(session)

    async def _remove(self, session: _Session, post: str) -> None:
        """Delete a post, and forget it where it is certain that it is gone."""
        operation = self._invoke(Kind.DELETE, session=session.id, post=post)
        answer = await self._ask(operation, "DELETE", f"{self._choose.choice(DELETES)}/{post}", None, session)
        if answer is not None and answer.status in {204, 404}:
            self._user.posts.pop(post, None)
            self._user.long.pop(post, None)
        self._complete(operation, answer)

    async def _list(self, session: _Session) -> None:
        """List all posts; who has a list already may be told that nothing has changed."""
        operation = self._invoke(Kind.LIST, session=session.id)
        known = list(self._seen)[-3:] if self._choose.random() < 0.3 else []
        answer = await self._ask(operation, "GET", self._choose.choice(LISTS), None, session, known=known)
        if answer is not None and answer.status == 304:
            operation.shown = list(self._seen[answer.headers["etag"]])
        elif (posts := self._posts(operation, answer)) is not None:
            operation.shown = list(posts)
            if answer is not None and "etag" in answer.headers:
                self._seen[answer.headers["etag"]] = posts
                while len(self._seen) > 10:
                    del self._seen[next(iter(self._seen))]
        self._complete(operation, answer)
        self._learn(operation)

    async def _list_pages(self, session: _Session) -> None:
        """List all posts, a few at a time; one page that fails is the whole list's failure."""
        operation = self._invoke(Kind.LIST, session=session.id)
        limit = self._choose.choice([1, 3, 10, 10, 100]) if len(self._user.posts) < _MANY else 1000
        path = f"{self._choose.choice(LISTS)}?limit={limit}"
        while True:
            answer = await self._ask(operation, "GET", path, None, session)
            posts = self._posts(operation, answer)
            if posts is None or answer is None:
                break
            if posts and operation.shown and posts[-1].post >= operation.shown[-1].post:
                operation.problem = "the pages of a list lead nowhere"
            operation.shown += posts
            link = answer.headers.get("link")
            if link is None or operation.problem:
                break
            path = link.partition(">")[0].lstrip("<")
            operation.pages += 1
        self._complete(operation, answer)
        self._learn(operation)

    async def _renew(self, session: _Session) -> None:
        """Renew the tokens; now and then from two tabs at the same time, which must get the same ones."""
        tabs = 2 if self._choose.random() < 0.3 else 1
        token = session.refresh
        session.is_unsure = False
        await asyncio.gather(*(self._refresh(session, token) for _ in range(tabs)))

    async def _reuse(self, session: _Session) -> None:
        """Send a token that was used up before the last one, as a thief would, and see that the session is over."""
        await self._refresh(session, session.used[-2])
        if self._session is None:
            await self._list(session)
            await self._list(session)

    async def _refresh(self, session: _Session, token: str) -> None:
        """Use a refresh token up."""
        operation = self._invoke(Kind.REFRESH, session=session.id, token=_short(token))
        answer = await self._ask(operation, "POST", "/api/v1/refresh", {"refresh_token": token}, None)
        tokens = self._json(operation, answer)
        if tokens is not None:
            operation.successor = _short(tokens["refresh_token"])
            if token == session.refresh:
                session.used = [*session.used[-5:], token]
                session.access, session.refresh = tokens["access_token"], tokens["refresh_token"]
        elif answer is None or answer.status >= 500:
            session.is_unsure = True
        self._complete(operation, answer)

    async def _log_out(self, session: _Session) -> None:
        """End the session, and see that it is over."""
        operation = self._invoke(Kind.LOGOUT, session=session.id)
        answer = await self._ask(operation, "POST", "/api/v1/logout", None, session)
        self._complete(operation, answer)
        self._session = None
        if operation.is_ok:
            for _ in self.connections:
                await self._list(session)

    async def _end_others(self, session: _Session) -> None:
        """End all other sessions of the user."""
        operation = self._invoke(Kind.END_OTHERS, session=session.id)
        answer = await self._ask(operation, "DELETE", "/api/v1/sessions", None, session)
        self._complete(operation, answer)

    def _learn(self, listed: Operation) -> None:
        """Take up what a list shows; other processes' clients of the same user add and delete, too."""
        if listed.is_ok:
            self._user.posts = {item.post: Known(item.uid, item.version) for item in listed.shown}
            self._user.long = {post: None for post in self._user.long if post in self._user.posts}

    async def _ask(  # noqa: PLR0913 - all that a request is made of
        self,
        operation: Operation,
        method: str,
        path: str,
        body: object,
        session: _Session | None = None,
        *,
        known: Sequence[str] = (),
        named: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer | None:
        """Send a request on one of the connections, and note what is true of any answer; None if there was none."""
        headers = {} if session is None else {"authorization": f"Bearer {session.access}"}
        if body is not None:
            headers["content-type"] = "application/json"
        headers |= {"if-none-match": ", ".join(known)} if known else {}
        headers |= named
        headers |= {"accept-encoding": "gzip"} if self._choose.random() < 0.3 else {}
        content = None if body is None else json.dumps(body).encode()
        operation.outcome = Outcome.INFO
        connection = self._choose.choice([each for each in self.connections if not each.turn.locked()])
        begun = time.monotonic_ns()
        try:
            async with connection.turn, asyncio.timeout(self._seconds):
                answer = await connection.ask(method, path, headers, content)
        except NotSentError:
            operation.outcome, self._is_refused = Outcome.FAIL, True
            return None
        except (CutError, TimeoutError):
            return None
        finally:
            operation.waited = max(operation.waited, time.monotonic_ns() - begun)
        operation.status = answer.status
        operation.outcome = _outcome(answer.status)
        received = answer.body + json.dumps(answer.headers).encode()
        operation.foreign += self._user.foreign_in(received)
        if answer.status >= 400:
            operation.code = _code(answer)
            self._is_refused = answer.status >= 429
        return answer

    def _invoke(self, kind: Kind, **about: str | int | list[str]) -> Operation:
        """Note that something is about to be asked for."""
        return self._recorder.invoke(self.name, self._user.name, kind, **about)

    def _complete(self, operation: Operation, answer: Answer | None) -> None:
        """Note what came of it; a session that is refused is given up."""
        self._recorder.complete(operation, operation.outcome)
        if answer is not None and answer.status == 401:
            self._session = None

    def _json(self, operation: Operation, answer: Answer | None) -> Any:
        """Return what a good answer says; if that is nonsense, note it."""
        if answer is None or not operation.is_ok:
            return None
        try:
            return answer.json()
        except ValueError:
            operation.problem = f"the answer to {operation.kind} is no JSON"
            return None

    def _posts(self, operation: Operation, answer: Answer | None) -> Sequence[Item] | None:
        """Return what a list shows; if that is nonsense, note it."""
        said = self._json(operation, answer)
        return None if said is None else items_of(said)


def _outcome(status: int) -> Outcome:
    """Return what is known by an answer's status."""
    if status < 400:
        return Outcome.OK
    return Outcome.FAIL if status < 500 else Outcome.INFO


def _code(answer: Answer) -> str:
    """Return the code of a problem, if it has one."""
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError):
        return ""


def _session_id(access: str) -> str:
    """Return the session that an access token names, unproven."""
    claims = access.split(".")[1]
    sid: str = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]
    return sid


def _short(token: str) -> str:
    """Return what stands for a token in a history."""
    return hashlib.blake2b(token.encode(), digest_size=8).hexdigest()
