"""Intent -> requests -> outcome."""

from typing import Any

from invoiced_api.client import Call, Client
from invoiced_api.failures import NotFound, RecordRejected
from invoiced_api.resources import Removal
from target_invoiced.bodies import Unwritable, shows
from target_invoiced.outcomes import Done, Outcome, Rejected
from target_invoiced.planning import Create, Intent, Remove, Skip, Update
from target_invoiced.references import References
from target_invoiced.settings import StreamSettings

# A subscription in one of these has nothing left to cancel.
ENDED = ("canceled", "finished")


class Writer:
    """Does what records ask for, one after the other."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._references = References(client)

    def write(self, settings: StreamSettings, intent: Intent) -> Outcome:
        """What came of it. Raises RunBlocked, or TryAgain when Invoiced kept failing."""
        try:
            match intent:
                case Create(body):
                    return self._create(settings.resource.path, body)
                case Update():
                    return self._update(intent)
                case Remove(path):
                    return self._remove(settings.writes.removal, path)
                case Skip():
                    return Done.SKIPPED
        except Unwritable as problem:
            return Rejected(str(problem))
        except RecordRejected as refusal:
            return Rejected(str(refusal), refusal.status, refusal.param)
        finally:
            self._references.forget(settings.resource.name)

    def _create(self, path: str, body: dict[str, Any]) -> Outcome:
        body = self._references.resolved(body)
        self._client.send(Call(method="POST", path=path, body=body))
        return Done.CREATED

    def _update(self, update: Update) -> Outcome:
        body = self._references.resolved(update.body)
        if not body:
            return Done.UNCHANGED
        if update.maybe_void:
            # Sending what a void document already shows would only be refused.
            current = self._get(update.path)
            if current.get("status") == "voided" and shows(current, body):
                return Done.UNCHANGED
        self._client.send(Call(method="PATCH", path=update.path, body=body))
        return Done.UPDATED

    def _remove(self, removal: Removal, path: str) -> Outcome:
        try:
            return self._remove_existing(removal, path)
        except NotFound:
            return Done.DELETED  # already gone is what was asked for

    def _remove_existing(self, removal: Removal, path: str) -> Outcome:
        """What a removal means may depend on what the object is by now, so it is read first."""
        if removal is not Removal.DELETE:
            current = self._get(path)
            status = current.get("status")
            if removal is Removal.VOID_ONCE_ISSUED and not current.get("draft"):
                if status == "voided":
                    return Done.UNCHANGED
                self._client.send(Call(method="POST", path=f"{path}/void"))
                return Done.VOIDED
            if removal is Removal.CANCEL and status in ENDED:
                return Done.UNCHANGED
        try:
            self._client.send(Call(method="DELETE", path=path))
        except RecordRejected:
            # A cancellation whose answer was lost is refused when it is asked for again.
            if removal is not Removal.CANCEL or self._get(path).get("status") not in ENDED:
                raise
        return Done.DELETED

    def _get(self, path: str) -> dict[str, Any]:
        body = self._client.send(Call(method="GET", path=path)).body
        return body if isinstance(body, dict) else {}
