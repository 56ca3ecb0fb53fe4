"""Provisioning of the Grafana stand-in: data sources and dashboards from files, as strict as Grafana 13 about them."""

import hashlib
import json
import os
import re
import threading

import yaml

from grafana_state import expand, log, release

# The data sources that come with Grafana's image. Another type has no plugin there and is refused.
SOURCE_TYPES = (
    "prometheus alertmanager loki tempo jaeger zipkin grafana-pyroscope-datasource parca graphite influxdb opentsdb "
    "elasticsearch mysql mssql grafana-postgresql-datasource postgres cloudwatch stackdriver "
    "grafana-azure-monitor-datasource testdata grafana-testdata-datasource"
).split()
UID = re.compile(r"[a-zA-Z0-9\-_]{1,40}")


class Invalid(Exception):
    """A provisioning file that Grafana refuses to start with."""


def interpolated(value):
    """Expansion of one YAML value, deep; `$$` is a literal dollar."""
    if isinstance(value, str):
        return "$".join(expand(part) for part in value.split("$$"))
    if isinstance(value, list):
        return [interpolated(item) for item in value]
    if isinstance(value, dict):
        return {key: interpolated(item) for key, item in value.items()}
    return value


def typed(entry, key, kind, default, where):
    """The value of a key in the type that Grafana decodes it into; text is parsed as Go's strconv does."""
    value = entry.get(key)
    if value is None or value == "":
        return default
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false", "1", "0", "t", "f"):
        return value.lower() in ("true", "1", "t")
    if kind is int and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Invalid(f"{where}: cannot unmarshal `{key}: {value!r}` into {kind.__name__}")
    return value


def read_files(directory, logger):
    """The documents of the folder's YAML files: (name, content); a missing folder is only logged."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        log(logger, "error", "can't read provisioning files from directory", path=directory, error=error)
        return []
    found = []
    for name in names:
        if not name.endswith((".yaml", ".yml")):
            continue
        try:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                content = yaml.safe_load(file)
        except (OSError, yaml.YAMLError) as error:
            raise Invalid(f"{name}: {error}") from None
        if content is None:
            continue
        if not isinstance(content, dict) or content.get("apiVersion") != 1:
            raise Invalid(f"{name}: `apiVersion: 1` is required")
        found.append((name, content))
    return found


def entries(content, key, where):
    """The list under a key, of mappings."""
    listed = content.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Invalid(f"{where}: `{key}` must be a list of mappings")
    return listed


# --- data sources ---------------------------------------------------------------------------------------------------


def parse_source(entry, where):
    entry = interpolated(entry)
    name = typed(entry, "name", str, "", where)
    if not name:
        raise Invalid(f"{where}: a data source has no name")
    where = f"{where}: data source {name!r}"
    kind = typed(entry, "type", str, "", where)
    if kind not in SOURCE_TYPES:
        raise Invalid(f"{where}: no plugin for type {kind!r}")
    access = typed(entry, "access", str, "proxy", where)
    if access not in ("proxy", "direct"):
        raise Invalid(f"{where}: access must be proxy or direct, not {access!r}")
    uid = typed(entry, "uid", str, "", where)
    if uid and not UID.fullmatch(uid):
        raise Invalid(f"{where}: uid {uid!r} contains illegal characters or is too long")
    return {
        "uid": uid or "P" + hashlib.sha256(name.encode()).hexdigest()[:16].upper(),
        "orgId": typed(entry, "orgId", int, 1, where) or 1,
        "name": name,
        "type": kind,
        "access": access,
        "url": typed(entry, "url", str, "", where),
        "user": typed(entry, "user", str, "", where),
        "database": typed(entry, "database", str, "", where),
        "basicAuth": typed(entry, "basicAuth", bool, False, where),
        "basicAuthUser": typed(entry, "basicAuthUser", str, "", where),
        "isDefault": typed(entry, "isDefault", bool, False, where),
        "jsonData": typed(entry, "jsonData", dict, {}, where),
        "secureJsonData": typed(entry, "secureJsonData", dict, {}, where),
        "readOnly": not typed(entry, "editable", bool, False, where),
    }


def provision_datasources(state, directory):
    """Reads every file before it changes anything, then deletes, inserts and updates."""
    logger = "provisioning.datasources"
    wanted, deleted, pruning = [], [], False
    for name, content in read_files(directory, logger):
        pruning = pruning or bool(content.get("prune"))
        wanted += [parse_source(entry, name) for entry in entries(content, "datasources", name)]
        deleted += [interpolated(entry).get("name", "") for entry in entries(content, "deleteDatasources", name)]
    defaults = [source["orgId"] for source in wanted if source["isDefault"]]
    if len(defaults) != len(set(defaults)):
        raise Invalid("datasource.yaml config is invalid. Only one datasource per organization can be marked as default")

    with state.lock:
        known = state.data["datasources"]
        for uid in [uid for uid, source in known.items() if source["name"] in deleted]:
            log(logger, "info", "deleted datasource based on configuration", name=known.pop(uid)["name"])
        for source in wanted:
            former = next((other for other in known.values() if other["name"] == source["name"]), None)
            if former and former["uid"] != source["uid"]:
                # grafana/grafana#110740: a uid cannot be changed by provisioning.
                raise Invalid("data source not found")
            if not former and source["uid"] in known:
                raise Invalid("data source with the same uid already exists")
            if source["isDefault"]:
                for other in known.values():
                    other["isDefault"] = False
            log(logger, "info", "updating datasource from configuration" if former else "inserting datasource from configuration",
                name=source["name"], uid=source["uid"])
            known[source["uid"]] = {**source, "id": former["id"] if former else state.next_id(), "provisioned": True}
        if pruning:
            names = {source["name"] for source in wanted}
            for uid in [uid for uid, source in known.items() if source["provisioned"] and source["name"] not in names]:
                log(logger, "info", "deleted datasource that is no longer provisioned", name=known.pop(uid)["name"])
        state.save()


# --- dashboards -----------------------------------------------------------------------------------------------------


def parse_provider(entry, where):
    entry = interpolated(entry)
    options = typed(entry, "options", dict, {}, where)
    provider = {
        "name": typed(entry, "name", str, "", where),
        "type": typed(entry, "type", str, "file", where),
        "folder": typed(entry, "folder", str, "", where),
        "folderUid": typed(entry, "folderUid", str, "", where),
        "disableDeletion": typed(entry, "disableDeletion", bool, False, where),
        "allowUiUpdates": typed(entry, "allowUiUpdates", bool, False, where),
        "interval": typed(entry, "updateIntervalSeconds", int, 10, where) or 10,
        "path": typed(options, "path", str, "", where) or typed(options, "folder", str, "", where),
        "fromFiles": typed(options, "foldersFromFilesStructure", bool, False, where),
    }
    if provider["type"] != "file":
        raise Invalid(f"{where}: type {provider['type']} is not supported")
    if not provider["name"]:
        raise Invalid(f"{where}: a provider has no name")
    if not provider["path"]:
        raise Invalid(f"{where}: failed to load dashboards, path param is not a string")
    if provider["fromFiles"] and (provider["folder"] or provider["folderUid"]):
        raise Invalid(f"{where}: 'folder' and 'folderUID' should be empty using 'foldersFromFilesStructure' option")
    return provider


V2_SINCE = (13, 0)  # grafana/grafana#113620


def is_resource(model):
    """A dashboard in the form of a Kubernetes resource, which files may hold since Grafana 13."""
    return isinstance(model.get("spec"), dict) and str(model.get("apiVersion", "")).startswith("dashboard.grafana.app/v2")


def title_of(model):
    return (model["spec"] if is_resource(model) else model).get("title") or ""


def uid_of(model):
    return (model.get("metadata", {}).get("name") if is_resource(model) else model.get("uid")) or ""


def check_dashboard(model):
    """Why the file provisioner does not take a dashboard; None when it does."""
    if not isinstance(model, dict):
        return "the file holds no object"
    if "elements" in model or "layout" in model:
        return "dashboard appears to be in v2 format. Please use the /apis/dashboard.grafana.app/v2 API"
    if "spec" in model or "apiVersion" in model:
        if not is_resource(model) or release() < V2_SINCE:
            return "dashboard appears to be a full k8s style resource"
        if "id" in model:
            return "The k8s style dashboard must not include an id on the root element"
        if not uid_of(model):
            return "metadata.name is required"
    if not str(title_of(model)).strip():
        return "Dashboard title cannot be empty"
    uid = uid_of(model)
    if len(uid) > 40:
        return "uid too long, max 40 characters"
    if uid and not UID.fullmatch(uid):
        return "uid contains illegal characters"
    return None


def dashboard_files(root):
    """(path, folder below root) of the .json files, hidden ones and hidden folders aside; links to files are followed."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            (os.path.join(folder, name), os.path.relpath(folder, root))
            for name in sorted(files)
            if name.endswith(".json") and not name.startswith(".")
        ]
    return found


class Provider(threading.Thread):
    """Polls one folder of dashboards, as `updateIntervalSeconds` says."""

    logger = "provisioning.dashboard"

    def __init__(self, state, config):
        super().__init__(daemon=True)
        self.state = state
        self.config = config
        self.stopped = threading.Event()
        self.restricted = False

    def run(self):
        while not self.stopped.wait(self.config["interval"]):
            self.scan()

    def read(self, path, below):
        """One file as (model, folder uid, checksum); None when it is not to be had."""
        try:
            with open(path, "rb") as file:
                raw = file.read()
            model = json.loads(raw)
            problem = check_dashboard(model)
        except (OSError, ValueError) as error:
            problem = error
        if problem:
            log(self.logger, "error", "failed to load dashboard from", file=path, error=problem)
            return None
        folder = os.path.basename(below) if self.config["fromFiles"] and below != "." else self.config["folder"]
        folder_uid = self.state.folder_uid(folder, self.config["folderUid"]) if folder else ""
        return model, folder_uid, hashlib.sha256(raw).hexdigest()

    def scan(self):
        root = os.path.realpath(self.config["path"])
        if not os.path.isdir(root):
            log(self.logger, "error", "Cannot read directory", path=self.config["path"], error="no such directory")
            return
        with self.state.lock:
            self.state.load()  # `grafana cli` may have changed the database
            found = {}
            for path, below in dashboard_files(root):
                if loaded := self.read(path, below):
                    found[os.path.relpath(path, root)] = loaded
            self.delete_missing(found)
            if not self.restricted:
                self.write(found)
            else:
                log(self.logger, "warn", "Not saving new dashboard due to restricted database access", provisioner=self.config["name"])
            self.restricted = self.has_duplicates(found)
            self.state.save()

    def mine(self):
        """This provider's dashboards: relative path -> uid."""
        return {
            record["provisioned"]["path"]: uid
            for uid, record in self.state.data["dashboards"].items()
            if record["provisioned"] and record["provisioned"]["provider"] == self.config["name"]
        }

    def delete_missing(self, found):
        for path, uid in self.mine().items():
            if path in found:
                continue
            if self.config["disableDeletion"]:
                self.state.data["dashboards"][uid]["provisioned"] = None
            else:
                del self.state.data["dashboards"][uid]
                log(self.logger, "info", "deleted provisioned dashboard, missing on disk", uid=uid)

    def write(self, found):
        mine = self.mine()
        for path, (model, folder_uid, checksum) in found.items():
            uid = uid_of(model) or mine.get(path) or hashlib.sha256(path.encode()).hexdigest()[:14]
            former = self.state.data["dashboards"].get(mine.get(path, ""))
            if former and former["provisioned"]["checksum"] == checksum and former["folder"] == folder_uid:
                continue
            if mine.get(path, uid) != uid:
                self.state.data["dashboards"].pop(mine[path], None)
            origin = {"provider": self.config["name"], "path": path, "checksum": checksum, "ui": self.config["allowUiUpdates"]}
            self.state.put_dashboard(model if is_resource(model) else {**model, "uid": uid}, folder_uid, origin)

    def has_duplicates(self, found):
        """One uid twice, or one title twice in a folder, takes the right to write from the provider (#89085)."""
        uids = [uid_of(model) for model, _, _ in found.values() if uid_of(model)]
        titles = [(title_of(model), folder) for model, folder, _ in found.values()]
        for uid in {uid for uid in uids if uids.count(uid) > 1}:
            log(self.logger, "warn", "the same UID is used more than once", uid=uid, times=uids.count(uid), providers=self.config["name"])
        for title, folder in {title for title in titles if titles.count(title) > 1}:
            log(self.logger, "warn", "dashboard title is not unique in folder", title=title, folderUID=folder)
        duplicated = len(set(uids)) < len(uids) or len(set(titles)) < len(titles)
        if duplicated:
            log(self.logger, "warn", "dashboards provisioning provider has no database write permissions because of duplicates",
                provider=self.config["name"])
        return duplicated


class Dashboards:
    """All providers of the provisioning folder."""

    def __init__(self, state, directory):
        self.state = state
        self.directory = directory
        self.providers = []

    def start(self):
        """Reads the configuration anew and scans once; raises Invalid and keeps the old providers when it is bad."""
        configs = [
            parse_provider(entry, name)
            for name, content in read_files(self.directory, Provider.logger)
            for entry in entries(content, "providers", name)
        ]
        for provider in self.providers:
            provider.stopped.set()
        with self.state.lock:
            names = {config["name"] for config in configs}
            for uid, record in list(self.state.data["dashboards"].items()):
                if record["provisioned"] and record["provisioned"]["provider"] not in names:
                    del self.state.data["dashboards"][uid]
        self.providers = [Provider(self.state, config) for config in configs]
        for provider in self.providers:
            provider.scan()
            provider.start()
        log(Provider.logger, "info", "finished to provision dashboards")
