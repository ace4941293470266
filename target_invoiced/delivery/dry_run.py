"""Shows the calls that a real run would send, on the account as they would leave it."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any
from urllib.parse import quote

import orjson

from invoiced_api.bodies import Ref
from invoiced_api.calls import call_at
from invoiced_api.client import Client
from invoiced_api.definitions import DeleteBehaviour, Resource
from invoiced_api.exceptions import NotFoundError, RecordRejectedError
from invoiced_api.request import Request
from invoiced_api.resources import RESOURCES
from invoiced_api.response import Response
from target_invoiced import exact_json
from target_invoiced.delivery.comparison import has_ended
from target_invoiced.delivery.senders import Sender, shown

Row = dict[str, Any]

# The first word of a path -> the resource whose list is there.
LISTS = {one.path.strip("/"): one for one in RESOURCES if "{" not in one.path}
# What an object shows once it was removed, where Invoiced keeps it.
ENDED: Mapping[DeleteBehaviour | None, Row] = {
    DeleteBehaviour.VOID_ONCE_ISSUED: {"status": "voided"},
    DeleteBehaviour.VOID: {"voided": True},
    DeleteBehaviour.CANCEL: {"status": "canceled"},
}
BAD_REQUEST, NOT_FOUND = 400, 404


@dataclass(slots=True)
class Projection:
    """What the calls of a dry run would have changed, by the paths of the objects.

    Changes are kept as JSON, since a dry run may be long; None stands for an object that would be
    gone. May be used by several threads at once.
    """

    _changes: dict[str, bytes | None] = field(default_factory=dict)
    _created: set[str] = field(default_factory=set)
    # The objects of a list that would have a number.
    _numbered: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _lock: RLock = field(default_factory=RLock)

    def create(self, list_path: str, body: Mapping[str, Any]) -> Row:
        """The object that a POST to the list would create, with an id that shows it is not real."""
        given = body.get("id") not in (None, "")
        row = {**body, "id": body["id"] if given else f"new-{next(self._ids)}"}
        path = f"{list_path}/{quote(str(row['id']), safe='')}"
        with self._lock:
            self._created.add(path)
            self._changes.pop(path, None)  # of one that had the id before
            self.change(path, row)
        return row

    def change(self, path: str, changes: Mapping[str, Any]) -> None:
        """The object would have these values."""
        with self._lock:
            known = self._changes.get(path)
            before = exact_json.loads(known) if known else {}
            self._changes[path] = exact_json.dumps({**before, **changes})
            if changes.get("number"):
                named = path.rpartition("/")[0], str(changes["number"])
                self._numbered.setdefault(named, set()).add(path)

    def remove(self, path: str) -> None:
        """The object would be gone."""
        with self._lock:
            self._changes[path] = None
            self._created.discard(path)

    def would_exist(self, path: str) -> bool:
        """Whether the object is one that would have been created."""
        return path in self._created

    def changed(self, path: str) -> Row:
        """The values that the object would have. Raises NotFoundError if it would be gone."""
        known = self._changes.get(path, b"{}")
        if known is None:
            raise NotFoundError(f"{path} would be gone", status=NOT_FOUND)
        row: Row = exact_json.loads(known)
        return row

    def numbered(self, list_path: str, number: str) -> list[str]:
        """The paths of the objects to which a call would have given the number."""
        with self._lock:
            return sorted(self._numbered.get((list_path, number), ()))


class DryRunSender(Sender):
    """Shows each request that writes, and sends only those that read (`--dry-run`).

    What would have been created, changed or removed is read as it would be by then. A request is
    refused like Invoiced refuses it where that changes which requests follow.

    Args:
        client: of the account.
        show: takes a line of JSON.
    """

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show
        self._projection = Projection()

    def send(self, call: Request, why: str = "") -> Response:
        """Send a request that reads; show one that writes, and return a made-up response.

        Raises:
            RecordRejectedError: where Invoiced would refuse it.
        """
        if not call.writing:
            return self._read(call, why)
        line = shown(self._client, call, why)
        try:
            return _response(self._write(call, why))
        except RecordRejectedError as refusal:
            line["refused"] = str(refusal)
            raise
        finally:
            self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def _write(self, call: Request, why: str) -> Row | None:
        body = call.body if isinstance(call.body, dict) else None
        match call.method:
            case "POST":
                return self._post(call.path, body, why)
            case "PATCH" if body is not None:
                return self._patch(call.path, body, why)
            case "DELETE":
                self._delete(call.path, why)
        return None

    def _post(self, path: str, body: Row | None, why: str) -> Row | None:
        parent, _, word = path.rpartition("/")
        if word == "void":
            self._projection.change(parent, ENDED[DeleteBehaviour.VOID_ONCE_ISSUED])
            return None
        words = path.strip("/").split("/")
        call = call_at("POST", f"/{words[0]}/{{id}}/{word}") if len(words) == 3 else None
        if call is None:
            if body is None:
                return None
            self._refuse_taken(path, body, None, why)
            return self._projection.create(path, body)
        for name, kind in call.references.items():  # they are merged into the object
            if isinstance(kind, Ref) and body and name in body:
                self._projection.remove(f"{_list_of(kind.resource)}/{body[name]}")
        return None

    def _patch(self, path: str, body: Row, why: str) -> Row | None:
        resource = _resource_at(path)
        if resource is not None and (resource.natural_key or _removal(resource) in ENDED):
            current = self._object(path, why)
            if _is_void(resource, current):
                raise RecordRejectedError(
                    f"{path} is void and cannot be edited", status=BAD_REQUEST
                )
            self._refuse_taken(path.rpartition("/")[0], body, path, why)
        self._projection.change(path, body)
        return None

    def _delete(self, path: str, why: str) -> None:
        resource = _resource_at(path)
        removal = _removal(resource) if resource else None
        documents = removal is DeleteBehaviour.VOID_ONCE_ISSUED  # of which drafts are deleted
        if removal in ENDED and not documents:
            self._projection.change(path, ENDED[removal])
        else:
            self._projection.remove(path)

    def _refuse_taken(self, list_path: str, body: Row, own: str | None, why: str) -> None:
        """Raises RecordRejectedError if another object has the number, or the caller's own id."""
        resource = LISTS.get(list_path.strip("/"))
        name = resource.natural_key if resource else None
        value = body.get(name) if name else None
        if name is None or value in (None, ""):
            return
        if name == "id":
            taken = own is None and self._exists(f"{list_path}/{quote(str(value), safe='')}", why)
        else:
            query: dict[str, str | int] = {f"filter[{name}]": str(value), "per_page": 2}
            rows = self._read(Request(method="GET", path=list_path, params=query), why).body
            paths = [f"{list_path}/{row.get('id')}" for row in rows if row.get(name) == value]
            taken = any(path != own for path in paths)
        if taken:
            raise RecordRejectedError(
                f"{list_path} has the {name} {value} already", status=BAD_REQUEST, param=name
            )

    def _exists(self, path: str, why: str) -> bool:
        try:
            self._object(path, why)
        except NotFoundError:
            return False
        return True

    def _object(self, path: str, why: str) -> Row:
        row = self._read(Request(method="GET", path=path), why).body
        return row if isinstance(row, dict) else {}

    def _read(self, call: Request, why: str) -> Response:
        number = call.params.get("filter[number]")
        if number is None:
            changes = self._projection.changed(call.path)
            if self._projection.would_exist(call.path):
                return _response(changes)
            response = super().send(call, why)
            if not changes or not isinstance(response.body, dict):
                return response
            return _response({**response.body, **changes})
        response = super().send(call, why)
        if not isinstance(response.body, list):
            return response
        return _response(self._rows(call.path, str(number), response.body, why))

    def _rows(self, list_path: str, number: str, real: list[Any], why: str) -> list[Row]:
        """The objects that would have the number, given those that have it now."""
        found = {f"{list_path}/{row.get('id')}": row for row in real if isinstance(row, dict)}
        rows = []
        for path in dict.fromkeys((*found, *self._projection.numbered(list_path, number))):
            try:
                changes = self._projection.changed(path)
            except NotFoundError:
                continue
            known = {} if self._projection.would_exist(path) else found.get(path)
            row = {**(self._object(path, why) if known is None else known), **changes}
            if str(row.get("number")) == number:
                rows.append(row)
        return rows


def _response(body: Any) -> Response:
    return Response(headers={}, body=body)


def _resource_at(path: str) -> Resource | None:
    """The resource whose object is at the path; None for the path of a child or a call."""
    words = path.strip("/").split("/")
    return LISTS.get(words[0]) if len(words) == 2 else None


def _list_of(resource: str) -> str:
    return next(one.path for one in LISTS.values() if one.name == resource)


def _removal(resource: Resource) -> DeleteBehaviour | None:
    return resource.writes.removal if resource.writes else None


def _is_void(resource: Resource, current: Row) -> bool:
    removal = _removal(resource)
    return removal is not DeleteBehaviour.CANCEL and has_ended(removal, current)
