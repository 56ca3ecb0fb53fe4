#!/usr/bin/python3
"""A stand-in for Grafana in tests: its provisioning, its HTTP API and its real queries, without its user interface.

Grafana is in no Debian package. What reads files or answers the API here is meant to be as strict as Grafana 13 is, so
that a test that passes against this passes against the real image. Called as `run.sh` it is the server; as
`grafana cli admin reset-admin-password` it is the command line.
"""

import base64
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import grafana_query
from grafana_provisioning import UID, Dashboards, Invalid, provision_datasources
from grafana_state import Refused, State, log, setting, setting_bool, slug, tags_of, take_secret_files, title_of

# How old a Grafana this plays: an image with another WATCHPOST_DOUBLE_VERSION lacks what that version lacked.
HOME = os.path.dirname(os.path.realpath(__file__))
VERSION = os.environ.get("WATCHPOST_DOUBLE_VERSION", "13.2.3")
RELEASE = tuple(int(part) for part in VERSION.split("-")[0].split(".")[:2])
COMMIT = "0" * 40
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)
ROUTES = []


def route(method, pattern):
    """Registers a method of Api for a path; `:name` in it is one segment, `*name` the rest."""
    expression = re.sub(r":(\w+)", r"(?P<\1>[^/]+)", re.sub(r"\*(\w+)", r"(?P<\1>.*)", pattern))

    def register(function):
        ROUTES.append((method, pattern, re.compile(expression), function))
        return function

    return register


class Api:
    """What the paths answer: each returns a body, or (status, body)."""

    def __init__(self, state, dashboards, provisioning):
        self.state = state
        self.dashboards = dashboards
        self.provisioning = provisioning

    # Who and where

    @route("GET", "/api/org")
    def org(self, request):
        address = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
        return {"id": 1, "name": "Main Org.", "address": address}

    @route("GET", "/api/user")
    def user(self, request):
        return {
            "id": 1, "uid": "u1", "email": f"{request.login}@localhost", "name": "", "login": request.login, "theme": "",
            "orgId": 1, "isGrafanaAdmin": True, "isDisabled": False, "isExternal": False, "authLabels": [],
        }

    @route("PUT", "/api/user/password")
    def change_own_password(self, request):
        if not self.state.check_password(request.login, request.json.get("oldPassword", "")):
            raise Refused(401, "Invalid old password")
        return self.change_password(request.login, request.json.get("newPassword", ""), "User password changed")

    @route("PUT", "/api/admin/users/:id/password")
    def change_any_password(self, request, id):
        if id != "1":
            raise Refused(404, "user not found")
        return self.change_password(next(iter(self.state.data["users"])), request.json.get("password", ""), "User password updated")

    def change_password(self, login, password, done):
        if len(password) < 4:
            raise Refused(400, "New password is too short")
        self.state.set_password(login, password)
        return {"message": done}

    # Data sources

    def source(self, uid):
        if uid not in self.state.data["datasources"]:
            raise Refused(404, "Data source not found")
        return self.state.data["datasources"][uid]

    def source_by_id(self, id):
        found = [source for source in self.state.data["datasources"].values() if source["id"] == id]
        if not found:
            raise Refused(404, "Unable to find datasource")
        return found[0]

    def shown_source(self, source):
        """A data source without its secrets, of which only the names are told."""
        shown = {key: value for key, value in source.items() if key not in ("secureJsonData", "provisioned")}
        return {**shown, "secureJsonFields": dict.fromkeys(source["secureJsonData"], True), "version": 1, "typeLogoUrl": ""}

    @route("GET", "/api/datasources")
    def sources(self, request):
        found = sorted(self.state.data["datasources"].values(), key=lambda source: source["name"].lower())
        return [self.shown_source(source) for source in found]

    @route("GET", "/api/datasources/uid/:uid")
    def source_by_uid(self, request, uid):
        if RELEASE < (9, 0):
            raise Refused(404, "Not found")
        return self.shown_source(self.source(uid))

    @route("GET", "/api/datasources/name/:name")
    def source_by_name(self, request, name):
        found = [source for source in self.state.data["datasources"].values() if source["name"] == name]
        if not found:
            raise Refused(404, "Data source not found")
        return self.shown_source(found[0])

    @route("DELETE", "/api/datasources/uid/:uid")
    def delete_source(self, request, uid):
        if self.source(uid)["readOnly"]:
            raise Refused(403, "Cannot delete read-only data source")
        removed = self.state.data["datasources"].pop(uid)
        self.state.save()
        return {"id": removed["id"], "message": "Data source deleted"}

    @route("GET", "/api/datasources/uid/:uid/health")
    def source_health(self, request, uid):
        if RELEASE < (9, 0):
            raise Refused(404, "Not found")
        return grafana_query.health(self.source(uid))

    @route("POST", "/api/ds/query")
    def query(self, request):
        if RELEASE < (9, 0):
            # Queries were told by a data source's number, and Prometheus was asked through the proxy.
            raise Refused(400, "Query missing data source ID")
        return grafana_query.answer_queries(request.json, self.state.data["datasources"])

    # Folders and dashboards

    def meta_of(self, uid, record):
        folder = self.state.data["folders"].get(record["folder"])
        origin = record["provisioned"]
        editable = not origin or origin["ui"]
        name = slug(title_of(record))
        return {
            "type": "db", "canSave": editable, "canEdit": True, "canAdmin": True, "canStar": True, "canDelete": editable,
            "slug": name, "url": f"/d/{uid}/{name}", "expires": "0001-01-01T00:00:00Z", "created": record["created"],
            "updated": record["updated"], "updatedBy": "admin", "createdBy": "admin", "version": record["version"],
            "hasAcl": False, "isFolder": False, "folderId": folder["id"] if folder else 0, "folderUid": record["folder"],
            "folderTitle": folder["title"] if folder else "Dashboards",
            "folderUrl": f"/dashboards/f/{record['folder']}/{slug(folder['title'])}" if folder else "",
            "provisioned": bool(origin), "provisionedExternalId": origin["path"] if origin else "",
        }

    def dashboard(self, uid):
        if uid not in self.state.data["dashboards"]:
            raise Refused(404, "Dashboard not found")
        return self.state.data["dashboards"][uid]

    @route("GET", "/api/dashboards/uid/:uid")
    def dashboard_by_uid(self, request, uid):
        record = self.dashboard(uid)
        version = record["model"].get("apiVersion", "").rpartition("/")[2]
        if version.startswith("v2"):
            path = f"/apis/dashboard.grafana.app/{version}/namespaces/default/dashboards/{uid}"
            raise Refused(406, f"dashboard api version not supported, use {path} instead")
        meta = self.meta_of(uid, record)
        if RELEASE < (8, 0):
            del meta["folderUid"]
        return {"meta": meta, "dashboard": record["model"]}

    @route("GET", "/apis/dashboard.grafana.app/:version/namespaces/default/dashboards/:uid")
    def dashboard_resource(self, request, version, uid):
        record = self.dashboard(uid)
        if not record["model"].get("apiVersion", "").endswith("/" + version):
            raise Refused(404, "Dashboard not found")
        return record["model"]

    @route("GET", "/api/dashboards/home")
    def home(self, request):
        """The dashboard of the file that `default_home_dashboard_path` names."""
        path = setting("dashboards", "default_home_dashboard_path")
        try:
            with open(path or os.devnull, encoding="utf-8") as file:
                model = json.loads(file.read() or "{}")
        except (OSError, ValueError):
            raise Refused(500, "Failed to load home dashboard") from None
        return {"meta": {"isHome": True, "canEdit": True, "canSave": False, "provisioned": False}, "dashboard": model}

    @route("DELETE", "/api/dashboards/uid/:uid")
    def delete_dashboard(self, request, uid):
        if self.dashboard(uid)["provisioned"]:
            raise Refused(400, "provisioned dashboard cannot be deleted")
        removed = self.state.data["dashboards"].pop(uid)
        self.state.save()
        title = title_of(removed)
        return {"id": removed["id"], "message": f"Dashboard {title} deleted", "title": title}

    @route("POST", "/api/dashboards/db")
    def save_dashboard(self, request):
        model, folder = dict(request.json.get("dashboard") or {}), request.json.get("folderUid") or ""
        if not str(model.get("title") or "").strip():
            raise Refused(400, "Dashboard title cannot be empty", status="empty-name")
        if folder and folder not in self.state.data["folders"]:
            raise Refused(400, "folder not found")
        uid = model.get("uid") or "d" + os.urandom(6).hex()
        if not UID.fullmatch(uid):
            raise Refused(400, "uid contains illegal characters")
        former = self.state.data["dashboards"].get(uid)
        origin = former["provisioned"] if former else None
        if origin and not origin["ui"]:
            raise Refused(400, "Cannot save provisioned dashboard")
        if former and not request.json.get("overwrite") and model.get("version") != former["version"]:
            raise Refused(412, "The dashboard has been changed by someone else", status="version-mismatch")
        record = self.state.put_dashboard({**model, "uid": uid}, folder, origin)
        self.state.save()
        name = slug(model["title"])
        return {
            "folderUid": folder, "id": record["id"], "slug": name, "status": "success", "uid": uid, "url": f"/d/{uid}/{name}",
            "version": record["version"],
        }

    route("PUT", "/api/dashboards/db")(save_dashboard)

    @route("GET", "/api/search")
    def search(self, request):
        kind, words = request.query.get("type", [""])[0], request.query.get("query", [""])[0].lower()
        tags, wanted = request.query.get("tag", []), request.query.get("dashboardUIDs", []) + request.query.get("dashboardUID", [])
        inside, limit = request.query.get("folderUIDs", []), int(request.query.get("limit", ["1000"])[0])
        found = []
        for uid, folder in self.state.data["folders"].items() if kind in ("", "dash-folder") and not tags else ():
            if words in folder["title"].lower():
                found.append({"id": folder["id"], "uid": uid, "orgId": 1, "title": folder["title"], "type": "dash-folder",
                              "uri": f"db/{slug(folder['title'])}", "url": f"/dashboards/f/{uid}/{slug(folder['title'])}", "tags": []})
        for uid, record in self.state.data["dashboards"].items() if kind in ("", "dash-db") else ():
            meta = self.meta_of(uid, record)
            if words not in title_of(record).lower() or not set(tags) <= set(tags_of(record)):
                continue
            if (wanted and uid not in wanted) or (inside and (record["folder"] or "general") not in inside):
                continue
            hit = {"id": record["id"], "uid": uid, "orgId": 1, "title": title_of(record), "uri": f"db/{meta['slug']}",
                   "url": meta["url"], "slug": "", "type": "dash-db", "tags": tags_of(record), "isStarred": False,
                   "sortMeta": 0, "isDeleted": False}
            if record["folder"]:
                hit.update({key: meta[key] for key in ("folderId", "folderUid", "folderTitle", "folderUrl")})
            found.append(hit)
        found.sort(key=lambda hit: (hit["type"] == "dash-db", hit["title"].lower()))
        page = max(1, int(request.query.get("page", ["1"])[0]))
        return found[(page - 1) * limit : page * limit]

    @route("GET", "/api/folders")
    def folders(self, request):
        return [{"id": folder["id"], "uid": uid, "title": folder["title"]} for uid, folder in self.state.data["folders"].items()]

    @route("POST", "/api/folders")
    def make_folder(self, request):
        if not request.json.get("title"):
            raise Refused(400, "folder title cannot be empty")
        if request.json.get("uid") in self.state.data["folders"]:
            raise Refused(412, "a folder with the same uid already exists")
        uid = self.state.folder_uid(request.json["title"], request.json.get("uid") or "f" + os.urandom(6).hex())
        self.state.save()
        return {"uid": uid, **self.state.data["folders"][uid]}

    @route("GET", "/api/folders/:uid")
    def folder(self, request, uid):
        if uid not in self.state.data["folders"]:
            raise Refused(404, "folder not found", status="not-found")
        return {"uid": uid, **self.state.data["folders"][uid]}

    # Provisioning

    @route("POST", "/api/admin/provisioning/:kind/reload")
    def reload(self, request, kind):
        try:
            if kind == "dashboards":
                self.dashboards.start()
            elif kind == "datasources":
                provision_datasources(self.state, os.path.join(self.provisioning, "datasources"))
            elif kind not in ("plugins", "alerting", "access-control"):
                raise Refused(404, "Not found")
        except Invalid as error:
            raise Refused(500, str(error)) from None
        return {"message": f"{kind.capitalize()} config reloaded"}

    # Its own metrics

    def metrics(self, seen):
        lines = []
        with open(os.path.join(HOME, "grafana.prom"), encoding="utf-8") as recorded:
            for line in recorded:
                if line.startswith("grafana_build_info{"):
                    line = f'grafana_build_info{{branch="HEAD",edition="oss",goversion="go1.25.1",revision="{COMMIT[:8]}",version="{VERSION}"}} 1\n'
                elif line.startswith("process_start_time_seconds "):
                    line = f"process_start_time_seconds {STARTED:.2f}\n"
                elif line.startswith("grafana_stat_totals_dashboard "):
                    line = f"grafana_stat_totals_dashboard {len(self.state.data['dashboards'])}\n"
                elif line.startswith("grafana_stat_totals_folder "):
                    line = f"grafana_stat_totals_folder {len(self.state.data['folders'])}\n"
                elif line.startswith("process_cpu_seconds_total "):
                    line = f"process_cpu_seconds_total {time.process_time():.2f}\n"
                lines.append(line)
        family = "grafana_http_request_duration_seconds"
        lines.append(f"# HELP {family} Histogram of latencies for HTTP requests.\n# TYPE {family} histogram\n")
        for (handler, method, status), taken in sorted(seen.items()):
            labels = f'handler="{handler}",method="{method}",status_code="{status}"'
            for bound in BUCKETS:
                lines.append(f'{family}_bucket{{{labels},le="{bound}"}} {sum(1 for each in taken if each <= bound)}\n')
            lines.append(f'{family}_bucket{{{labels},le="+Inf"}} {len(taken)}\n')
            lines.append(f"{family}_sum{{{labels}}} {sum(taken):.6f}\n{family}_count{{{labels}}} {len(taken)}\n")
        family = "grafana_datasource_request_total"
        lines.append(f"# HELP {family} A counter for outgoing requests for a data source\n# TYPE {family} counter\n")
        for (code, name, kind, method), count in sorted(grafana_query.ASKED.items()):
            lines.append(f'{family}{{code="{code}",datasource="{name}",datasource_type="{kind}",method="{method}"}} {count}\n')
        return "".join(lines)


class Request(BaseHTTPRequestHandler):
    """One request: who asks, what for, and the answer."""

    api = None  # set by serve()
    prefix = ""
    seen = {}
    protocol_version = "HTTP/1.1"

    def answer(self):
        started, parts = time.monotonic(), urlsplit(self.path)
        self.query, self.login, self.handler = parse_qs(parts.query), "", "notfound"
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        path = parts.path.removeprefix(self.prefix) or "/"
        try:
            status, kind, body = self.dispatch(path, parts.query)
        except Refused as refusal:
            status, kind, body = as_json(refusal.code, refusal.body)
        except Exception as error:  # as Grafana: the request fails, the server goes on
            log("http.server", "error", "Request error", path=path, error=repr(error))
            status, kind, body = as_json(500, {"message": "Internal server error"})
        self.seen.setdefault((self.handler, self.command, status), []).append(time.monotonic() - started)
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", body.decode())
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer

    def dispatch(self, path, query):
        method = "GET" if self.command == "HEAD" else self.command
        if path == "/api/health" and method == "GET":
            self.handler = "/api/health"
            return as_json(200, {"database": "ok", "version": VERSION, "commit": COMMIT})
        if path == "/metrics" and method == "GET" and setting_bool("metrics", "enabled", True):
            self.handler = "/metrics"
            return 200, METRICS_TYPE, self.api.metrics(self.seen).encode()
        if not path.startswith(("/api/", "/apis/")):
            if path == "/login":
                return 200, "text/html; charset=UTF-8", b"<!DOCTYPE html><html><head><title>Grafana</title></head></html>"
            return 302, "text/html; charset=UTF-8", f"{self.prefix}/login".encode()
        self.authenticate()
        by_uid, by_id = "/api/datasources/proxy/uid/([^/]+)(/.*)?", r"/api/datasources/proxy/(\d+)(/.*)?"
        if match := re.fullmatch(by_uid if RELEASE >= (9, 0) else by_id, path):
            self.handler = "/api/datasources/proxy/uid/:uid/*" if RELEASE >= (9, 0) else "/api/datasources/proxy/:id/*"
            source = self.api.source(unquote(match[1])) if RELEASE >= (9, 0) else self.api.source_by_id(int(match[1]))
            return self.proxy(source, (match[2] or "/") + (f"?{query}" if query else ""))
        for known, pattern, expression, function in ROUTES:
            if known == method and (match := expression.fullmatch(path.rstrip("/"))):
                self.handler = pattern
                with nullcontext() if function.__name__ in ("query", "source_health") else self.api.state.lock:
                    answer = function(self.api, self, **{key: unquote(value) for key, value in match.groupdict().items()})
                return as_json(*answer) if isinstance(answer, tuple) else as_json(200, answer)
        raise Refused(404, "Not found")

    @property
    def json(self):
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise Refused(400, "bad request data")
        return content

    def authenticate(self):
        scheme, _, given = (self.headers.get("Authorization") or "").partition(" ")
        if not scheme:
            if setting_bool("auth.anonymous", "enabled") and self.command in ("GET", "HEAD"):
                return
            raise Refused(401, "Unauthorized", "auth.unauthorized")
        if scheme.lower() != "basic" or not setting_bool("auth.basic", "enabled", True):
            raise Refused(401, "Invalid API key", "api-key.invalid")
        try:
            self.login, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            raise Refused(401, "Invalid username or password", "password-auth.failed") from None
        if not self.api.state.check_password(self.login, password):
            raise Refused(401, "Invalid username or password", "password-auth.failed")

    def proxy(self, source, path):
        kept = {key: value for key, value in self.headers.items() if key.lower() in ("accept", "content-type")}
        try:
            status, headers, body = grafana_query.send(source, path, self.command, self.body or None, kept)
        except OSError as error:
            log("data-proxy-log", "error", "Proxy request failed", url=source["url"], error=error)
            return as_json(502, {"message": ""})
        return status, headers.get("Content-Type", "application/octet-stream"), body

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Listens on IPv6 and IPv4, as Go's servers do, unless told an IPv4 address."""

    request_queue_size = 128

    def __init__(self, address, handler):
        both = socket.has_dualstack_ipv6() and "." not in address[0]
        self.address_family = socket.AF_INET6 if both else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def as_json(status, body):
    return status, "application/json", json.dumps(body).encode()


# --- the two programs -----------------------------------------------------------------------------------------------

STARTED = time.time()


def serve():
    take_secret_files(os.environ)
    data = os.environ.get("GF_PATHS_DATA", "/var/lib/grafana")
    if not os.access(data, os.W_OK):
        sys.exit(f"GF_PATHS_DATA='{data}' is not writable.\nYou may have issues with file permissions")
    provisioning = os.environ.get("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning")
    log("settings", "info", "Starting Grafana", version=VERSION, commit=COMMIT)
    try:
        state = State(data)
        dashboards = Dashboards(state, os.path.join(provisioning, "dashboards"))
        provision_datasources(state, os.path.join(provisioning, "datasources"))
    except (Invalid, ValueError) as error:
        log("provisioning", "error", "Failed to provision data sources", error=error)
        sys.exit(f"Error: ✗ Datasource provisioning error: {error}")
    Request.api = Api(state, dashboards, provisioning)
    if setting_bool("server", "serve_from_sub_path"):
        Request.prefix = urlsplit(setting("server", "root_url")).path.rstrip("/")
    address = (setting("server", "http_addr", ""), int(setting("server", "http_port", "3000")))
    server = Server(address, Request)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    log("http.server", "info", "HTTP Server Listen", address=f"[::]:{address[1]}", protocol="http")
    try:
        dashboards.start()
    except (Invalid, ValueError) as error:
        log("provisioning", "error", "Failed to provision dashboard", error=error)
        sys.exit(f"Error: ✗ Failed to provision dashboards: {error}")
    threading.Event().wait()


def command_line(arguments):
    """`grafana cli admin reset-admin-password`, `grafana -v`; flags before and between are those of the real one."""
    words = [word for word in arguments if not word.startswith("-")]
    if "-v" in arguments or "--version" in arguments or words[:1] == ["version"]:
        print(f"grafana version {VERSION}")
        return
    for flag in ("--homepath", "--config", "--user-id", "--configOverrides"):
        if flag in arguments:
            words.remove(arguments[arguments.index(flag) + 1])
    if words[:1] == ["server"]:
        serve()
    if words[:3] != ["cli", "admin", "reset-admin-password"]:
        sys.exit(f"Error: unknown command {' '.join(arguments)!r}")
    password = sys.stdin.readline().rstrip("\n") if "--password-from-stdin" in arguments else "".join(words[3:4])
    if len(password) < 4:
        sys.exit("Error: ✗ new password is too short")
    state = State(os.environ.get("GF_PATHS_DATA", "/var/lib/grafana"))
    state.set_password(next(iter(state.data["users"])), password)
    print("\nAdmin password changed successfully ✔")


if __name__ == "__main__":
    called = os.path.basename(sys.argv[0])
    if called in ("grafana", "grafana-cli"):
        command_line(["cli"] * (called == "grafana-cli") + sys.argv[1:])
    else:
        serve()
