"""What is told on GitHub: one comment or issue by its mark, written again in place (docs.github.com/rest/issues)."""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from delivery.errors import DeliveryError

BOT: Final = "github-actions[bot]"
"""Who writes with the token of a workflow."""
SECONDS: Final = 30.0


@dataclass(frozen=True)
class Repository:
    """One repository, as whoever the token is of."""

    name: str
    """owner/name."""
    client: httpx.Client
    author: str = BOT
    """Whose comments and issues are ours: another's may carry the mark as well."""

    @classmethod
    def of_environment(cls) -> "Repository | None":
        """As a workflow's step is told; None on a machine where nobody told a token."""
        token, name = os.environ.get("GITHUB_TOKEN", ""), os.environ.get("GITHUB_REPOSITORY", "")
        if not token or not name:
            return None
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        address = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        return cls(name, httpx.Client(base_url=address, headers=headers, timeout=SECONDS, follow_redirects=True))

    def comment(self, number: int, mark: str, text: str) -> str:
        """Writes the comment of a pull request, which begins with `mark`; says what was done."""
        known = self._ours(f"/repos/{self.name}/issues/{number}/comments", {}, mark)
        if known is None:
            self._ask("POST", f"/repos/{self.name}/issues/{number}/comments", {"body": text})
            return "commented"
        if known["body"] == text:
            return "the comment says it already"
        self._ask("PATCH", f"/repos/{self.name}/issues/comments/{known['id']}", {"body": text})
        return "the comment was written again"

    def issue(self, mark: str, title: str, text: str | None) -> str:
        """Opens the issue or writes it again; without a text it is closed, if it is open. Says what was done."""
        asked = {"state": "open", "creator": self.author}
        known = self._ours(f"/repos/{self.name}/issues", asked, mark)
        if text is None:
            if known is None:
                return "no issue is open"
            self._ask("PATCH", f"/repos/{self.name}/issues/{known['number']}", {"state": "closed"})
            return f"issue {known['number']} was closed"
        if known is None:
            made = self._ask("POST", f"/repos/{self.name}/issues", {"title": title, "body": text}).json()
            return f"issue {made['number']} was opened"
        if known["body"] != text:
            self._ask("PATCH", f"/repos/{self.name}/issues/{known['number']}", {"body": text})
        return f"issue {known['number']} says it"

    def propose(self, file: str, text: str, branch: str, title: str, why: str) -> str:
        """A pull request that changes one file, on a branch made anew from the main one; says what was done."""
        repository = f"/repos/{self.name}"
        main = self._ask("GET", repository).json()["default_branch"]
        held = self._ask("GET", f"{repository}/contents/{file}", params={"ref": main}).json()
        if held["sha"] == _blob(text):
            return f"{file} is up to date"
        tip = self._ask("GET", f"{repository}/git/ref/heads/{main}").json()["object"]["sha"]
        known = self._ask("GET", f"{repository}/git/matching-refs/heads/{branch}").json()
        if any(one["ref"] == f"refs/heads/{branch}" for one in known):
            self._ask("PATCH", f"{repository}/git/refs/heads/{branch}", {"sha": tip, "force": True})
        else:
            self._ask("POST", f"{repository}/git/refs", {"ref": f"refs/heads/{branch}", "sha": tip})
        content = base64.b64encode(text.encode()).decode()
        change = {"message": title, "content": content, "sha": held["sha"], "branch": branch}
        self._ask("PUT", f"{repository}/contents/{file}", change)
        head = f"{self.name.partition('/')[0]}:{branch}"
        for one in self._pages(f"{repository}/pulls", {"state": "open", "head": head}):
            return f"pull request {one['number']} was written again"
        made = self._ask("POST", f"{repository}/pulls", {"title": title, "head": branch, "base": main, "body": why})
        return f"pull request {made.json()['number']} was opened"

    def _ours(self, path: str, asked: Mapping[str, str], mark: str) -> Mapping[str, Any] | None:
        for one in self._pages(path, asked):
            written = (one.get("user") or {}).get("login") == self.author
            if written and "pull_request" not in one and str(one.get("body") or "").startswith(mark):
                return one
        return None

    def _pages(self, path: str, asked: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        answer = self._ask("GET", path, params={**asked, "per_page": "100"})
        while True:
            yield from answer.json()
            following = answer.links.get("next", {}).get("url")
            if following is None:
                return
            answer = self._ask("GET", following)

    def _ask(
        self, method: str, path: str, document: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> httpx.Response:
        try:
            answer = self.client.request(method, path, json=document, params=params)
        except httpx.HTTPError as error:
            raise DeliveryError(f"GitHub does not answer: {type(error).__name__}: run this again") from None
        if answer.is_error:
            rights = ": has the token the right `pull-requests: write` or `issues: write`?"
            raise DeliveryError(
                f"GitHub answers {answer.status_code} to {method} {answer.request.url.path}"
                f"{rights if answer.status_code in (401, 403, 404) else ''}"
            )
        return answer


def _blob(text: str) -> str:
    """The name that git has for a file's content."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
