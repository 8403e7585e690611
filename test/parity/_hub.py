"""The tests' hub (test/hub_server) for the check scripts. Texts that it is sent are bytes: str is
encoded as UTF-8."""

import json
import os
import subprocess
import urllib.request

# What would change a client's ways.
UNSET = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE",
         "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_SYMLINKS", "XDG_CACHE_HOME",
         "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Server:
    def __init__(self, build):
        self.process = subprocess.Popen([build / "test" / "hub_server"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.endpoints = json.loads(self.process.stdout.readline())["endpoints"]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait()

    def set_environment(self, home):
        """Of this process and its children: before huggingface_hub is imported."""
        for name in UNSET:
            os.environ.pop(name, None)
        os.environ.update(HF_ENDPOINT=self.endpoints[0], HF_HOME=str(home / "home"), HF_HUB_DISABLE_XET="1",
                          HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1")

    def control(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.endpoints[0]}/.control/{what}", data)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    @staticmethod
    def bytes_of(fields):
        return {name: value.encode().decode("latin-1") if isinstance(value, str) else value
                for name, value in fields.items()}

    def publish(self, **file):
        """The etag of the file."""
        return self.control("publish", self.bytes_of(file))["etag"]

    def rule(self, **rule):
        self.control("rule", self.bytes_of(rule))

    def clear(self):
        self.control("clear", {})

    def clear_rules(self):
        self.control("clear-rules", {})

    def log(self):
        return self.control("log")
