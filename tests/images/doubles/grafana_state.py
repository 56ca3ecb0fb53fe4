"""Settings and the database of the Grafana stand-in: what survives a restart, in one JSON file."""

import hashlib
import json
import os
import re
import sys
import threading
import time

LEVELS = ("debug", "info", "warn", "error", "critical")
FAILURES_ALLOWED = 5
FAILURE_WINDOW = 300  # seconds


def log(logger, level, message, **fields):
    """One line in Grafana's own format, when `GF_LOG_LEVEL` lets it through."""
    wanted = os.environ.get("GF_LOG_LEVEL", "info").lower()
    if LEVELS.index(level) < (LEVELS.index(wanted) if wanted in LEVELS else 1):
        return
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rest = "".join(f" {key}={json.dumps(str(value))}" for key, value in fields.items())
    print(f"logger={logger} t={moment} level={level} msg={json.dumps(message)}{rest}", file=sys.stdout, flush=True)


class Refused(Exception):
    """What the caller is answered with: an HTTP status and Grafana's JSON body."""

    def __init__(self, code, message, message_id=None, **more):
        super().__init__(message)
        self.code = code
        self.body = {"message": message, **more}
        if message_id:
            self.body.update(messageId=message_id, statusCode=code, traceID="")


# --- settings -------------------------------------------------------------------------------------------------------


def take_secret_files(environ):
    """As the image's run.sh: `GF_X__FILE` becomes `GF_X`; both at once is an error."""
    for key in sorted(environ):
        if not re.fullmatch(r"GF_\w+__FILE", key) or not environ[key]:
            continue
        name = key.removesuffix("__FILE")
        if environ.get(name):
            sys.exit(f"ERROR: Both {name} and {key} are set (but are exclusive)")
        path = environ.pop(key)
        print(f"Getting secret {name} from {path}", flush=True)
        try:
            with open(path, encoding="utf-8") as file:
                environ[name] = file.read().rstrip("\n")
        except OSError as error:
            sys.exit(f"cat: can't open '{path}': {error.strerror}")


def expand(text):
    """Grafana's expansion in settings and provisioning files: `$__env{}`, `$__file{}`, then `$NAME` and `${NAME}`.

    What a file holds is expanded a second time, so a `$` in a secret is lost (grafana/grafana#130055).
    """

    def explicit(match):
        if match[1] == "env":
            return os.environ.get(match[2], "")
        try:
            with open(match[2], encoding="utf-8") as file:
                return file.read().strip()
        except OSError as error:
            raise ValueError(f"failed to read file {match[2]}: {error.strerror}") from None

    text = re.sub(r"\$__(env|file)\{([^}]+)\}", explicit, text)
    return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", lambda match: os.environ.get(match[1] or match[2], ""), text)


def setting(section, key, default=""):
    value = os.environ.get(f"GF_{section}_{key}".upper().replace(".", "_").replace("-", "_"))
    return expand(value) if value else default


def setting_bool(section, key, default=False):
    return setting(section, key, str(default)).lower() in ("true", "1", "t", "yes", "on")


# --- the database ---------------------------------------------------------------------------------------------------


def hashed(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


class State:
    """Users, data sources, folders and dashboards. Every access holds `lock`; `save` replaces the file atomically."""

    def __init__(self, directory):
        self.lock = threading.RLock()
        self.path = os.path.join(directory, "grafana.db")
        self.failures = {}
        self.read_at = None
        self.data = None
        self.load()

    def load(self):
        """Reads the file, also when `grafana cli` changed it meanwhile; makes the first user on an empty volume."""
        with self.lock:
            try:
                changed = os.stat(self.path).st_mtime_ns
            except FileNotFoundError:
                self.data = {"users": {}, "datasources": {}, "folders": {}, "dashboards": {}, "next_id": 1}
                self.set_password(setting("security", "admin_user", "admin"), setting("security", "admin_password", "admin"))
                log("sqlstore", "info", "Created default admin", user=setting("security", "admin_user", "admin"))
                return
            if changed != self.read_at:
                with open(self.path, encoding="utf-8") as file:
                    self.data = json.load(file)
                self.read_at = changed

    def save(self):
        with self.lock:
            temporary = self.path + ".new"
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self.data, file)
            os.replace(temporary, self.path)
            self.read_at = os.stat(self.path).st_mtime_ns

    def next_id(self):
        with self.lock:
            self.data["next_id"] += 1
            return self.data["next_id"]

    # Users

    def set_password(self, login, password):
        with self.lock:
            salt = os.urandom(8).hex()
            self.data["users"][login] = {"salt": salt, "hash": hashed(password, salt)}
            self.failures.pop(login, None)
            self.save()

    def check_password(self, login, password):
        """Whether the login is good; five bad ones in five minutes block the user, as Grafana does."""
        with self.lock:
            self.load()
            recent = [moment for moment in self.failures.get(login, ()) if time.time() - moment < FAILURE_WINDOW]
            if len(recent) >= FAILURES_ALLOWED:
                raise Refused(401, "Invalid username or password", "login-attempt.blocked")
            user = self.data["users"].get(login)
            if user and hashed(password, user["salt"]) == user["hash"]:
                return True
            self.failures[login] = recent + [time.time()]
            return False

    # Folders and dashboards

    def folder_uid(self, title, uid=""):
        """The uid of the folder with this title, which is made when there is none."""
        with self.lock:
            for known, folder in self.data["folders"].items():
                if (uid and known == uid) or (not uid and folder["title"] == title):
                    folder["title"] = title
                    return known
            uid = uid or "f" + hashlib.sha256(title.encode()).hexdigest()[:13]
            self.data["folders"][uid] = {"id": self.next_id(), "title": title}
            return uid

    def put_dashboard(self, model, folder_uid, provisioned=None):
        """Stores a dashboard under its uid, with the next version; returns its record."""
        with self.lock:
            resource = isinstance(model.get("spec"), dict)
            uid = model["metadata"]["name"] if resource else model["uid"]
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            former = self.data["dashboards"].get(uid)
            identity = former["id"] if former else self.next_id()
            version = former["version"] + 1 if former else max(1, int(model.get("version") or 1))
            record = {
                "id": identity,
                "version": version,
                "created": former["created"] if former else now,
                "updated": now,
                "folder": folder_uid,
                "provisioned": provisioned,
                # A resource has no numbers of its own; it says where it lies.
                "model": placed(model, folder_uid) if resource else {**model, "id": identity, "version": version},
            }
            self.data["dashboards"][uid] = record
            return record


def title_of(record):
    """The title of a stored dashboard, in either form."""
    model = record["model"]
    return (model["spec"] if isinstance(model.get("spec"), dict) else model)["title"]


def tags_of(record):
    model = record["model"]
    return (model["spec"] if isinstance(model.get("spec"), dict) else model).get("tags") or []


def placed(resource, folder_uid):
    """A resource as the API of resources returns it."""
    metadata = {**resource["metadata"], "namespace": "default"}
    metadata["annotations"] = {**metadata.get("annotations", {}), "grafana.app/folder": folder_uid}
    return {**resource, "metadata": metadata}


def release():
    """Major and minor version of the image."""
    numbers = os.environ.get("WATCHPOST_DOUBLE_VERSION", "13.2.3").split("-")[0].split(".")
    return int(numbers[0]), int(numbers[1])


def slug(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
