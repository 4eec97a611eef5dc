"""How the proxy benchmark drives this mesh as one of its targets.

The harness describes a topology without any proxy's words (`ctx.neutral(topo)`: who listens where, speaks what, and
forwards to whom). Here it becomes a policy repository, which is compiled and published; a control runtime, which is
started beside the harness and not measured; and the proxies, which the harness starts, places and measures.

They run as users run them: identities from the mesh's own authority, mutual TLS between them, authorization, metrics,
timeouts, outlier detection. Nothing here is for benchmarks alone. Where the harness has a proxy that clients speak to,
it is a gateway; where it has one in front of a server, it is that server's sidecar.

Environment: MESH_BIN, the `mesh` executable. Standard library only.
"""
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import time

MESH = os.environ.get("MESH_BIN", "")
TOPOS = {"h1", "h2c", "pair", "pair-h2", "tcp", "tcp-mtls", "gw", "gw-h1", "routes"}

TRUST_DOMAIN = "bench.local"
NAMESPACE = "default"
# Of the one host that the sidecar's workload is known by, and what it is behind.
SERVER = "server.default.svc.cluster.local"
# Of the host that the harness's own server is known by.
BACKEND = "backend.bench.internal"
# A workload's port; where it is reached on this machine, the registry says.
SERVER_PORT = 8080
READY_SECONDS = 30


def procs(topo, ctx):
    """The processes to measure, in the order in which they are started."""
    stage = Stage(ctx, topo)
    stage.publish(Policy(topo, ctx.neutral(topo)).resources())
    stage.start_control()
    return stage.proxies()


def reload_setup(ctx):
    """For the test of changes: one proxy, and what puts another route table in force."""
    stage = Stage(ctx, "routes")
    neutral = ctx.neutral("routes")

    def write(version, table):
        neutral[0]["routes"] = table
        stage.publish(Policy("routes", neutral, version).resources())

    write(0, ctx.table())
    stage.start_control()
    return stage.proxies(), write


class Policy:
    """A topology as Kubernetes and Istio objects."""

    def __init__(self, topo, neutral, version=None):
        self.is_tcp = topo.startswith("tcp")
        self.entry = next(p for p in neutral if p["role"] != "server")
        self.server = next((p for p in neutral if p["role"] == "server"), None)
        self.version = version

    def resources(self):
        found = [meta("v1", "Namespace", NAMESPACE, None), *workload("entry", "client", gateway=True)]
        found += [self.gateway(), *self.routes(), self.admission()]
        return found + (self.sidecar() if self.server else [self.backend()])

    def gateway(self):
        tls, protocol = self.entry["listen_tls"], self.entry["protocol"]
        name = {"http2": "HTTP2", "tcp": "TCP"}.get(protocol, "HTTP")
        server = {"hosts": ["*"]}
        if tls:
            name = "HTTPS"
            server["tls"] = {"mode": "SIMPLE", "credentialName": "edge", "minProtocolVersion": "TLSV1_3"}
        server["port"] = {"number": self.entry["listen"]["port"], "name": "entry", "protocol": name}
        spec = {"selector": {"app": "entry"}, "servers": [server]}
        return meta("networking.istio.io/v1", "Gateway", "entry", spec)

    def destination(self):
        host = SERVER if self.server else BACKEND
        return {"destination": {"host": host, "port": {"number": 80}}}

    def routes(self):
        """A VirtualService for each host of the neutral table."""
        if self.is_tcp:
            match = [{"port": self.entry["listen"]["port"]}]
            yield virtual_service("all", "*", tcp=[{"match": match, "route": [self.destination()]}])
            return
        for at, table in enumerate(self.entry["routes"]):
            yield virtual_service("host-%d" % at, table["host"], http=[self.route(r) for r in table["routes"]])
        if self.version is not None:
            answer = {"status": 200, "body": {"string": "version-%d" % self.version}}
            yield virtual_service("version", "version.bench.local", http=[{"directResponse": answer}])

    def route(self, neutral):
        match = {"uri": {"regex": neutral["regex"]} if "regex" in neutral else {"prefix": neutral["prefix"]}}
        if neutral.get("header"):
            name, value = neutral["header"]
            match["headers"] = {name: {"exact": value}}
        route = {"match": [match], "route": [self.destination()], "timeout": "15s"}
        retries = self.entry["retries"]
        route["retries"] = {"attempts": retries, "retryOn": "connect-failure,refused-stream,unavailable,cancelled,503"}
        return route if retries else {**route, "retries": {"attempts": 0}}

    def admission(self):
        """Whoever comes to the entry may pass: policy is asked all the same."""
        rule = {} if self.is_tcp else {"to": [{"operation": {"paths": ["/*"]}}]}
        return allow("entry", rule)

    def backend(self):
        """The harness's own server, which is not of the mesh."""
        upstream = self.entry["upstream"]
        protocol = {"http2": "HTTP2", "tcp": "TCP"}.get(self.entry["upstream_protocol"], "HTTP")
        spec = {
            "hosts": [BACKEND],
            "location": "MESH_EXTERNAL",
            "resolution": "STATIC",
            "ports": [{"number": 80, "name": "upstream", "protocol": protocol}],
            "endpoints": [{"address": upstream["address"], "ports": {"upstream": upstream["port"]}}],
        }
        return meta("networking.istio.io/v1", "ServiceEntry", "backend", spec)

    def sidecar(self):
        """The workload behind the second proxy: strict mutual TLS, and only the client's identity may ask."""
        rule, = self.server["rbac"]
        principal = rule["principal_uri"].removeprefix("spiffe://")
        allowed = {"from": [{"source": {"principals": [principal]}}]}
        if "path_prefix" in rule:
            allowed["to"] = [{"operation": {"paths": [rule["path_prefix"] + "*"], "methods": rule["methods"]}}]
        port = {"name": "tcp" if self.is_tcp else "http", "port": 80, "targetPort": SERVER_PORT}
        traffic = {"outlierDetection": {"consecutive5xxErrors": 5}}
        if not self.is_tcp:
            # The two proxies speak HTTP/2 to each other, whatever the client and the server speak.
            traffic["connectionPool"] = {"http": {"h2UpgradePolicy": "UPGRADE"}}
        return [
            *workload("server", "server"),
            meta("v1", "Service", "server", {"selector": {"app": "server"}, "ports": [port]}),
            meta("security.istio.io/v1", "PeerAuthentication", "default", {"mtls": {"mode": "STRICT"}}),
            meta("networking.istio.io/v1", "DestinationRule", "server", {"host": SERVER, "trafficPolicy": traffic}),
            allow("server", allowed),
        ]


class Stage:
    """A folder with all that a mesh needs on this machine."""

    def __init__(self, ctx, topo):
        self.ctx, self.neutral = ctx, ctx.neutral(topo)
        self.folder = os.path.join(ctx.dir, "mesh")
        stop_control(self.path("control.pid"))
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("repository", "releases", "registry", "secrets", "bootstrap", "control"):
            os.makedirs(os.path.join(self.folder, name))
        self.published = 0

    def publish(self, resources):
        """Compiles a repository, and puts the snapshot where the control runtime looks for it."""
        self.write("repository/mesh.yaml", json.dumps({"meshConfig": {"trustDomain": TRUST_DOMAIN}, "inventory": {"secrets": [NAMESPACE + "/edge"]}}))
        self.write("repository/policy.yaml", "\n---\n".join(json.dumps(r) for r in resources))
        self.published += 1
        # Moved into its place whole: the folder is watched.
        made = os.path.join(self.folder, "%d.mesh" % self.published)
        compiled = subprocess.run(
            [MESH, "compile", os.path.join(self.folder, "repository"), "-o", made], capture_output=True, text=True)
        if compiled.returncode != 0:
            raise RuntimeError("the policy does not compile:\n%s%s" % (compiled.stdout, compiled.stderr))
        os.rename(made, os.path.join(self.folder, "releases", os.path.basename(made)))

    def start_control(self):
        """Beside the harness, which it does not outlive."""
        for name in ("entry", "server"):
            self.register(name)
        for kind, file in (("crt", "gateway.pem"), ("key", "gateway.key")):
            shutil.copy(self.ctx.cert(file), self.path("secrets/%s/edge/tls.%s" % (NAMESPACE, kind)))
        settings = {
            "state": self.path("control"), "registry": self.path("registry"), "secrets": self.path("secrets"),
            "releases": self.path("releases"), "bootstrap": self.path("bootstrap"), "unsigned": True, "mesh": "bench",
            "trustDomain": TRUST_DOMAIN, "distribution": self.address(2), "admin": self.address(3),
            # Alone on the machine, and measured only when it serves: nothing to be careful about.
            "rollout": {"soak": "0s", "waves": ["all"], "gate": {"inconclusive": "proceed"}},
        }
        argv = [MESH, "control", "--config", self.write("control.json", json.dumps(settings))]
        log = open(self.path("control.log"), "wb")
        control = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log, preexec_fn=die_with_harness)
        self.write("control.pid", str(control.pid))
        if not control.stdout.readline().startswith(b"ready"):
            raise RuntimeError("no control runtime: see %s" % log.name)
        deadline = time.monotonic() + READY_SECONDS
        wanted = [os.path.join(self.folder, "bootstrap", NAMESPACE, p["name"], "token") for p in self.settings()]
        while not all(os.path.exists(p) for p in wanted):
            if time.monotonic() > deadline:
                raise RuntimeError("no tokens in %s" % self.path("bootstrap"))
            time.sleep(0.02)

    def register(self, name):
        """Says to the control runtime that a workload has an instance, and where."""
        reached = {}
        if name == "server":
            server = next((p for p in self.neutral if p["role"] == "server"), None)
            if server is None:
                return
            reached = {str(SERVER_PORT): server["listen"]["port"]}
        document = {"kind": "instance", "name": name, "workload": identity(name), "address": "127.0.0.1", "reachedAt": reached}
        self.write("registry/%s.json" % name, json.dumps(document))

    def proxies(self):
        made = []
        for at, settings in enumerate(self.settings()):
            role = "server" if settings["name"] == "server" else self.neutral[-1]["role"]
            file = self.write("proxy-%s.json" % role, json.dumps(settings))
            port = next(p for p in self.neutral if p["role"] == role)["listen"]["port"]
            made.append(self.ctx.proc(role, [MESH, "proxy", "--config", file], port))
        return made

    def settings(self):
        """Of each proxy, in the order of the topology: what is called comes before who calls it."""
        for at, neutral in enumerate(self.neutral):
            is_server = neutral["role"] == "server"
            name = "server" if is_server else "entry"
            settings = {
                "name": name, "workload": identity(name), "state": self.path("state-%s" % name),
                "mesh": "bench", "unsigned": True, "threads": self.ctx.threads,
                "admin": self.address(1 if is_server else 0), "accessLog": self.path("access-%s.log" % name),
                "control": {
                    "address": self.address(2), "trustDomain": TRUST_DOMAIN,
                    "identity": "spiffe://%s/ns/istio-system/sa/mesh-control" % TRUST_DOMAIN,
                    "roots": self.path("bootstrap/roots.pem"),
                    "token": self.path("bootstrap/%s/%s/token" % (NAMESPACE, name)),
                },
            }
            if is_server:
                listen, upstream = neutral["listen"], neutral["upstream"]
                settings["inbound"] = [{"at": place(listen), "port": SERVER_PORT, "application": place(upstream)}]
            else:
                settings["gateway"] = {"address": "127.0.0.1"}
            yield settings

    def address(self, offset):
        """Ports of our own are those after the harness's admin port."""
        return "127.0.0.1:%d" % (self.ctx.admin + offset)

    def path(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path


def meta(version, kind, name, spec):
    about = {"name": name} if kind == "Namespace" else {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": about, **({"spec": spec} if spec is not None else {})}


def virtual_service(name, host, **routes):
    spec = {"hosts": [host], "gateways": ["entry"], **routes}
    return meta("networking.istio.io/v1", "VirtualService", name, spec)


def allow(app, rule):
    spec = {"selector": {"matchLabels": {"app": app}}, "action": "ALLOW", "rules": [rule]}
    return meta("security.istio.io/v1", "AuthorizationPolicy", app, spec)


def workload(name, account, gateway=False):
    labels = {"app": name, "sidecar.istio.io/inject": "true"}
    template = {
        "metadata": {"labels": labels, **({"annotations": {"inject.istio.io/templates": "gateway"}} if gateway else {})},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "registry.example.com/app:v1"}]},
    }
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return [meta("v1", "ServiceAccount", account, None), meta("apps/v1", "Deployment", name, spec)]


def identity(name):
    """A workload, as the registry and the settings of its proxy both say it."""
    account = "server" if name == "server" else "client"
    role = {} if name == "server" else {"role": "gateway"}
    return {"namespace": NAMESPACE, "name": name, "labels": {"app": name, "sidecar.istio.io/inject": "true"}, "serviceAccount": account, **role}


def place(neutral):
    return "%s:%d" % (neutral["address"], neutral["port"])


def die_with_harness():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def stop_control(file):
    """That of the topology before, if this process started it: the harness loads this module anew for each."""
    try:
        with open(file) as opened:
            pid = int(opened.read())
        is_running = os.waitpid(pid, os.WNOHANG) == (0, 0)
    except (FileNotFoundError, ChildProcessError):
        return
    if is_running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
