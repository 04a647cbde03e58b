"""Elasticsearch: one node, from Maven's jars: indices, templates, search. What is licensed is not there."""

import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from services import debian, golang, maven
from services.process import HOST, MissingError, Server, free_port

VERSION = "7.17.29"  # the last whose HTTP module is on Maven
_JAVA = range(12, 22)  # it needs a security manager, which newer ones don't have
_NETTY = re.compile(r"(netty-|transport-netty4-client-)(?!.*(osx|windows|aarch)).*\.jar")
_SETTINGS = """network.host: {host}
http.port: {port}
transport.port: {transport}
discovery.type: single-node
node.store.allow_mmap: false
cluster.routing.allocation.disk.threshold_enabled: false
"""
_LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %marker %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_DESCRIPTOR = f"""description=Netty transport
version={VERSION}
name=transport-netty4
classname=org.elasticsearch.transport.Netty4Plugin
elasticsearch.version={VERSION}
java.version=1.8
type=isolated
extended.plugins=
has.native.controller=false
"""
# Netty may talk to the network; Maven's jar lacks the policy that the distribution has.
_POLICY = """grant codeBase "${codebase.netty-common}" {
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
  permission java.net.SocketPermission "localhost", "resolve";
  permission java.lang.RuntimePermission "setContextClassLoader";
  permission java.net.SocketPermission "*", "accept,connect";
};
grant codeBase "${codebase.netty-transport}" {
  permission java.net.SocketPermission "*", "accept,connect";
  permission java.util.PropertyPermission "sun.nio.ch.bugLevel", "write";
};
"""


class Elasticsearch(Server):
    """A node without data."""

    name = "elasticsearch"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Lay out its home. Raises MissingError."""
        if not jars().is_dir():
            raise MissingError("Elasticsearch is not fetched: make test-logging")
        self.user = "nobody"  # it refuses to run as root
        module = self.folder / "modules" / "transport-netty4"
        for name in ("bin", "config", "data", "lib", "logs", "plugins", "tmp"):
            (self.folder / name).mkdir()
        module.mkdir(parents=True)
        for jar in jars().glob("*.jar"):
            if _NETTY.fullmatch(jar.name):
                shutil.copy(jar, module)
            elif not jar.name.startswith("netty-"):  # natives of other systems
                shutil.copy(jar, self.folder / "lib")
        (module / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
        (module / "plugin-security.policy").write_text(_POLICY)
        settings = _SETTINGS.format(host=HOST, port=self.port, transport=free_port())
        (self.folder / "config" / "elasticsearch.yml").write_text(settings)
        (self.folder / "config" / "log4j2.properties").write_text(_LOG4J)
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, self.user)

    def command(self) -> list[str]:
        """The server's argv. Raises MissingError."""
        temporary = self.folder / "tmp"
        options = {
            "java.io.tmpdir": temporary,
            "jna.nosys": "true",
            "jna.tmpdir": temporary,
            "java.security.manager": "allow",
            "log4j2.disable.jmx": "true",
            "log4j.shutdownHookEnabled": "false",  # else it hangs at its end
            "io.netty.noUnsafe": "true",
            "io.netty.noKeySetOptimization": "true",
            "io.netty.recycler.maxCapacityPerThread": "0",
            "es.networkaddress.cache.ttl": "60",
            "es.distribution.flavor": "oss",
            "es.distribution.type": "tar",
            "es.bundled_jdk": "false",
            "es.path.home": self.folder,
            "es.path.conf": self.folder / "config",
        }
        memory = ["-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "--add-opens=java.base/java.io=ALL-UNNAMED"]
        defined = [f"-D{name}={value}" for name, value in options.items()]
        variables = [f"HOME={temporary}", f"LIBFFI_TMPDIR={temporary}"]
        main = ["-cp", f"{self.folder}/lib/*", "org.elasticsearch.bootstrap.Elasticsearch"]
        return ["/usr/bin/env", *variables, java(), *memory, *defined, *main]

    def answers(self) -> bool:
        """Whether it takes documents."""
        try:
            return self.call("GET", "/_cluster/health")["status"] in ("green", "yellow")
        except (OSError, http.client.HTTPException, KeyError):
            return False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that a request is answered with."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def java() -> str:
    """A Java runtime that Elasticsearch runs on. Raises MissingError."""
    for path in filter(None, (shutil.which("java"), *map(str, Path("/usr/lib/jvm").glob("*-17-*/bin/java")))):
        printed = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
        if (version := re.search(r'version "(\d+)', printed)) and int(version[1]) in _JAVA:
            return path
    raise MissingError("there is no Java 17: install one (Debian: apt-get install openjdk-17-jre-headless)")


def jars() -> Path:
    """The folder of its jars; it is there once they were fetched."""
    return golang.cache() / f"elasticsearch-{VERSION}"


def install() -> None:
    """Install a Java 17 and fetch the jars (32 MB). Raises MissingError."""
    try:
        java()
    except MissingError:
        debian.install("openjdk-17-jre-headless")
        java()
    maven.fetch(Path(__file__).with_name("elasticsearch.pom.xml"), jars(), **{"elasticsearch.version": VERSION})
