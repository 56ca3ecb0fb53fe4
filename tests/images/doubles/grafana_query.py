"""Queries of the Grafana stand-in: they really go to the Prometheus behind the data source, and come back as frames."""

import base64
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

from grafana_state import Refused

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
MOST_POINTS = 11000  # Prometheus's own limit
# Requests to data sources, by (code, name, type, method): upstream's counter has no series before the first.
ASKED = Counter()


class QueryFailed(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


# --- reaching a data source -----------------------------------------------------------------------------------------


def send(source, path, method="GET", body=None, headers=None, timeout=30):
    """One request to a data source: (status, headers, body). Raises OSError when it does not answer."""
    request = urllib.request.Request(source["url"].rstrip("/") + path, data=body, method=method, headers=headers or {})
    if source["basicAuth"]:
        login = f"{source['basicAuthUser']}:{source['secureJsonData'].get('basicAuthPassword', '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            status, headers, content = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, headers, content = error.code, error.headers, error.read()
    ASKED[str(status), source["name"], source["type"], method.lower()] += 1
    return status, headers, content


def ask_prometheus(source, path, parameters):
    """The `data` and the warnings of a Prometheus answer; raises QueryFailed with Grafana's words."""
    form = urllib.parse.urlencode(parameters).encode()
    try:
        if source["jsonData"].get("httpMethod", "POST").upper() == "GET":
            status, _, body = send(source, f"{path}?{form.decode()}")
        else:
            status, _, body = send(source, path, "POST", form, {"Content-Type": "application/x-www-form-urlencoded"})
    except OSError as error:
        raise QueryFailed(500, f'Post "{source["url"]}{path}": {getattr(error, "reason", error)}') from None
    try:
        answer = json.loads(body)
    except ValueError:
        raise QueryFailed(status, f"unexpected response with status code {status}: {body[:200]!r}") from None
    if answer.get("status") != "success":
        raise QueryFailed(status, f"{answer.get('errorType')}: {answer.get('error')}")
    return answer["data"], answer.get("warnings", [])


def health(source):
    """The answer of `/api/datasources/uid/:uid/health`: (status, body)."""
    if source["type"] != "prometheus":
        raise Refused(404, "Plugin not registered", "plugin.notRegistered")
    try:
        ask_prometheus(source, "/api/v1/query", {"query": "1+1", "time": "4"})
    except QueryFailed as error:
        return 400, {"message": f"{error} - There was an error returned querying the Prometheus API.", "status": "ERROR"}
    details = {"application": "Prometheus", "features": {"rulerApiEnabled": False}}
    return 200, {"details": details, "message": "Successfully queried the Prometheus API.", "status": "OK"}


# --- time -----------------------------------------------------------------------------------------------------------


def seconds(text):
    """A duration such as `15s`, `1h30m`, `>5m` in seconds."""
    found = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", text)
    if not found:
        raise QueryFailed(400, f'time: invalid duration "{text}"')
    return sum(float(number) * UNITS[unit] for number, unit in found)


def moment(text, now):
    """`now-6h` or milliseconds since 1970, in seconds since 1970."""
    text = str(text)
    if re.fullmatch(r"-?\d+", text):
        return int(text) / 1000
    if match := re.fullmatch(r"now(?:-(.+?))?(?:/[smhdwMy])?", text):
        return now - (seconds(match[1]) if match[1] else 0)
    raise Refused(400, f"invalid time range: {text}", "query.invalidTimeRange")


def spelled(duration):
    """Seconds as Go prints a duration: `1m30s`."""
    whole = int(duration)
    if duration < 1:
        return f"{int(duration * 1000)}ms"
    parts = ((whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s"))
    shown = [f"{number}{unit}" for number, unit in parts]
    while shown[0][0] == "0" and len(shown) > 1:
        shown.pop(0)
    return "".join(shown)


def step_of(query, source, span):
    """The resolution as Grafana's backend reckons it: the range over the points, not below the minimum step."""
    least = str(query.get("interval") or "")
    least = "" if least.startswith("$") else least
    scrape = source["jsonData"].get("timeInterval") or "15s"
    minimum = seconds(least or scrape)
    points = int(query.get("maxDataPoints") or 0) or 1500
    step = max(span / points, minimum, span / MOST_POINTS)
    return float(math.ceil(step)) if step > 1 else step


def interpolated(expr, query, source, span, step):
    """Grafana's built-in variables; others are the frontend's work and stay as they are."""
    scrape = seconds(source["jsonData"].get("timeInterval") or "15s")
    rate = max(step + scrape, 4 * scrape)
    values = {
        "__rate_interval_ms": str(int(rate * 1000)), "__rate_interval": spelled(rate),
        "__interval_ms": str(int(step * 1000)), "__interval": spelled(step),
        "__range_ms": str(int(span * 1000)), "__range_s": str(int(span)), "__range": f"{int(span)}s",
    }
    for name, value in values.items():
        expr = expr.replace("${" + name + "}", value).replace("$" + name, value)
    return expr


# --- frames ---------------------------------------------------------------------------------------------------------


def column(values):
    """Numbers as JSON can hold them, and where the ones are that it cannot."""
    plain, odd = [], {}
    for index, value in enumerate(values):
        if math.isnan(value):
            odd.setdefault("NaN", []).append(index)
        elif math.isinf(value):
            odd.setdefault("Inf" if value > 0 else "NegInf", []).append(index)
        plain.append(value if math.isfinite(value) else None)
    return plain, odd or None


def legend(query, labels):
    """The name of a series by its `legendFormat`."""
    name, rest = labels.get("__name__", ""), {key: value for key, value in labels.items() if key != "__name__"}
    full = name + ("{" + ", ".join(f'{key}="{value}"' for key, value in sorted(rest.items())) + "}" if rest or not name else "")
    wanted = query.get("legendFormat") or ""
    if wanted == "__auto":
        return "" if labels else query.get("expr", "")
    if not wanted:
        return full
    return re.sub(r"\{\{\s*(.+?)\s*\}\}", lambda match: labels.get(match[1], ""), wanted)


def frame(query, kind, labels, samples, step):
    """One series as a frame of two fields, by the dataplane contract."""
    plain, odd = column([float(value) for _, value in samples])
    value = {"name": labels.get("__name__", "Value"), "type": "number", "typeInfo": {"frame": "float64"}, "labels": labels}
    if shown := legend(query, labels):
        value["config"] = {"displayNameFromDS": shown}
    moments = {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}, "config": {"interval": step * 1000}}
    data = {"values": [[int(at * 1000) for at, _ in samples], plain]}
    if odd:
        data["entities"] = [None, odd]
    meta = {
        "type": "timeseries-multi" if kind == "matrix" else "numeric-multi",
        "typeVersion": [0, 1],
        "custom": {"resultType": kind},
    }
    return {"schema": {"refId": query["refId"], "meta": meta, "fields": [moments, value]}, "data": data}


def frames_of(query, answer, step):
    kind, result = answer["resultType"], answer["result"]
    if kind == "matrix":
        return [frame(query, kind, series["metric"], series["values"], step) for series in result]
    if kind == "vector":
        return [frame(query, kind, series["metric"], [series["value"]], step) for series in result]
    return [frame(query, kind, {}, [result], step)]


def run_query(query, source, start, end):
    """The frames of one query; an empty result is one frame without fields."""
    if source["type"] != "prometheus":
        raise QueryFailed(404, "plugin not registered")
    span = end - start
    step = step_of(query, source, span)
    expr = interpolated(query.get("expr") or "", query, source, span, step)
    frames, warnings = [], []
    if query.get("range") or not query.get("instant"):
        aligned = [math.floor(at / step) * step for at in (start, end)]
        parameters = {"query": expr, "start": aligned[0], "end": aligned[1], "step": step}
        answer, said = ask_prometheus(source, "/api/v1/query_range", parameters)
        frames, warnings = frames_of(query, answer, step), said
    if query.get("instant"):
        answer, said = ask_prometheus(source, "/api/v1/query", {"query": expr, "time": end})
        frames, warnings = frames + frames_of(query, answer, step), warnings + said
    if not frames:
        frames = [{"schema": {"refId": query["refId"], "meta": {"typeVersion": [0, 0]}, "fields": []}, "data": {"values": []}}]
    meta = frames[0]["schema"]["meta"]
    meta["executedQueryString"] = f"Expr: {expr}\nStep: {spelled(step)}"
    meta.setdefault("custom", {})["calculatedMinStep"] = int(step * 1000)
    if warnings:
        meta["notices"] = [{"severity": "warning", "text": text} for text in warnings]
    return frames


def find_source(reference, sources):
    """The data source of a query, by uid; a bare name was the way of dashboards long ago and is not resolved here."""
    uid = reference.get("uid") if isinstance(reference, dict) else None
    if not uid:
        raise Refused(400, "query missing datasource info", "query.missingDataSourceInfo")
    if uid not in sources:
        raise Refused(404, "Data source not found")
    return sources[uid]


def answer_queries(request, sources):
    """`POST /api/ds/query`: (status, body). The status is 400 as soon as one query failed, with the others' results."""
    queries = request.get("queries") or []
    if not queries:
        raise Refused(400, "No queries found", "query.noQueries")
    now = time.time()
    start, end = moment(request.get("from", "now-1h"), now), moment(request.get("to", "now"), now)
    found = [(dict(query, refId=query.get("refId") or "A"), find_source(query.get("datasource"), sources)) for query in queries]
    results, status = {}, 200
    for query, source in found:
        if query.get("hide"):
            continue
        try:
            results[query["refId"]] = {"status": 200, "frames": run_query(query, source, start, end)}
        except QueryFailed as error:
            status = 400
            results[query["refId"]] = {"error": str(error), "errorSource": "downstream", "status": error.status}
    return status, {"results": results}
