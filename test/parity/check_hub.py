"""The hub's client beside huggingface_hub, on one cache and against one server (test/hub_server):

    check_hub.py [--build BUILD] [--quick] [CASE ...]

What either leaves on the disk is, byte for byte, what the other leaves: modes, links, refs, marks,
lock files; either opens offline what the other downloaded; both may run at once, and either may be
killed. The numbers of the cases are in their names. Ends in one line of counts.
"""

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import itertools
import os
import pathlib
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time

from _hub import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
COMMIT_2 = "89abcdef0123456789abcdef0123456789abcdef"
LARGE = 25 << 20
# jimm_status of what huggingface_hub raises.
STATUSES = {
    "RepositoryNotFoundError": 13, "RevisionNotFoundError": 14, "RemoteEntryNotFoundError": 15,
    "GatedRepoError": 16, "LocalEntryNotFoundError": 18,
}
PYTHON = """
import sys
from huggingface_hub import hf_hub_download
kind, repo, revision, *files = sys.argv[1:]
try:
    for file in files:
        print(hf_hub_download(repo, file, repo_type=kind, revision=revision or None))
except Exception as error:
    print(type(error).__name__, file=sys.stderr)
    sys.exit(1)
"""


class Result:
    """What one run of a client did: its paths, or why there are none."""

    def __init__(self, code, paths, error):
        self.code, self.paths, self.error = code, paths, error


class Client:
    """Starts downloads. `kind`: python (huggingface_hub), c (hub_client) or jimm (jimm download)."""

    def __init__(self, kind, build):
        self.kind, self.build = kind, build

    def start(self, cache, repo, *files, type="model", revision=None, umask=0o022, prepare=None, **variables):
        environment = dict(os.environ, HF_HUB_CACHE=str(cache), **variables)
        prefix = "" if type == "model" else f"{type}s/"
        if self.kind == "python":
            command = [sys.executable, "-c", PYTHON, type, repo, revision or "", *files]
        elif self.kind == "c":
            command = [self.build / "test" / "hub_client", prefix + repo, *files]
            command += ["--revision", revision] if revision else []
        else:
            command = [self.build / "jimm", "download", "--repo", prefix + repo]
            command += ["--revision", revision] if revision else []
            command += ["--", *files]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                umask=umask, preexec_fn=prepare)

    def run(self, *arguments, **options):
        return self.wait(self.start(*arguments, **options))

    @staticmethod
    def wait(process, seconds=60):
        try:
            out, error = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, error = process.communicate()
        return Result(process.returncode, os.fsdecode(out).splitlines(), error.decode(errors="replace").strip())


def tree(cache):
    """Every entry of the cache: path, mode, and link or bytes."""
    entries = []
    for folder, folders, files in os.walk(cache):
        for name in folders + files:
            path = os.path.join(folder, name)
            shown = os.path.relpath(path, cache)
            info = os.lstat(path)
            if stat.S_ISLNK(info.st_mode):
                what = "-> " + os.readlink(path)
            elif stat.S_ISDIR(info.st_mode):
                what = ""
            else:
                data = pathlib.Path(path).read_bytes()
                what = repr(data) if len(data) < 200 else f"{len(data)} {hashlib.sha256(data).hexdigest()}"
            entries.append((shown, stat.filemode(info.st_mode), what))
    return sorted(entries)


def difference(a, b):
    return "; ".join(map(str, sorted(set(a) ^ set(b))[:6]))


class Hub:
    """The checks: each method named case_... is one, counted by its own checks."""

    def __init__(self, build, place, server, quick):
        self.build, self.place, self.server, self.quick = build, place, server, quick
        self.python = Client("python", build)
        self.c = Client("c", build)
        self.jimm = Client("jimm", build)
        self.passed = self.failed = self.skipped = 0
        self.numbers = itertools.count()

    # ---- helpers

    def check(self, good, what):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"not ok: {what}", flush=True)
        return bool(good)

    def skip(self, what):
        self.skipped += 1
        print(f"skip: {what}", flush=True)

    def cache(self):
        """The path of a cache that is not there yet."""
        return self.place / f"cache{next(self.numbers)}"

    def succeeds(self, result, what, data=None):
        good = self.check(result.code == 0 and len(result.paths) > 0, f"{what}: exit {result.code}: {result.error}")
        if good and data is not None:
            good = self.check(pathlib.Path(result.paths[0]).read_bytes() == data, f"{what}: other bytes")
        return good

    def same(self, a, b, what):
        left, right = tree(a), tree(b)
        self.check(left == right and len(left) > 5, f"{what}: the trees differ: {difference(left, right)}")

    def publish(self, **file):
        return self.server.publish(**{"repo": "ns/name", "commit": COMMIT, "revisions": "main", **file})

    def both(self, what, *arguments, clients=None, **options):
        """Downloads into a cache each and compares results and trees."""
        caches = []
        for client in clients or (self.python, self.c, self.jimm):
            cache = self.cache()
            result = client.run(cache, *arguments, **options)
            if self.succeeds(result, f"{what}, {client.kind}"):
                paths = [os.path.relpath(path, cache) for path in result.paths]
                if caches:
                    self.check(paths == caches[0][1], f"{what}: {paths}, Python has {caches[0][1]}")
                    self.same(caches[0][0], cache, f"{what}, {client.kind}")
                caches.append((cache, paths))
        return [cache for cache, _ in caches]

    def gets(self):
        return sum(request["method"] == "GET" for request in self.server.log())

    def sent(self, count):
        """Whether some GET has sent so many bytes."""
        return lambda: any(r["method"] == "GET" and r.get("sent", 0) >= count for r in self.server.log())

    def until(self, true, what, seconds=20):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return self.check(False, f"{what}: not in {seconds} s")
            time.sleep(0.01)
        return True

    # ---- 1 to 6: trees

    def case_01_trees(self):
        for number, mask in enumerate((0o022, 0o002, 0o077)):
            for kind in ({}, {"lfs": True}, {"cached": True}):
                if self.quick and (number == 1 or (kind and number == 2)):
                    continue
                self.server.clear()
                self.publish(name="a.txt", body="hello\n", **kind)
                self.both(f"umask {mask:03o} {kind}", "ns/name", "a.txt", umask=mask)

    def case_02_types(self):
        for type, repo in (("dataset", "ns/some.data_set"), ("dataset", "squad"), ("space", "ns/app"), ("model", "gpt2")):
            self.server.clear()
            number = ("model", "dataset", "space").index(type)
            self.publish(repo=repo, type=number, name="data/a.csv", body="1,2\n")
            self.both(f"{type} {repo}", repo, "data/a.csv", type=type)

    def case_03_names(self):
        name = "a b/c/d/café #1?.txt"
        self.server.clear()
        self.publish(name=name, body="hello")
        caches = self.both(name, "ns/name", name)
        targets = {request["target"] for request in self.server.log()}
        self.check(len(targets) == 1, f"targets {targets}")
        if len(caches) == 3:
            self.offline(caches, "ns/name", name, b"hello")

    def case_03_names_at_random(self):
        letters = "aZ09-_.~ !\"#$%&'()*+,:;<=>?@[]^`{|}é漢😀"
        chosen = random.Random(1)
        for number in range(3 if self.quick else 40):
            parts = []
            for _ in range(chosen.randint(1, 4)):
                part = "".join(chosen.choice(letters) for _ in range(chosen.randint(1, 12))).strip(".") + "x"
                parts.append(part[1:] + "x" if part[1:2] == ":" else part)
            name = "/".join(parts)
            self.server.clear()
            self.publish(name=name, body=f"hello {number}", lfs=chosen.random() < 0.5)
            self.both(repr(name), "ns/name", name, clients=(self.python, self.c))
            targets = {r["target"] for r in self.server.log() if "/resolve/" in r["target"]}
            self.check(len(targets) == 1, f"{name!r}: targets {targets}")

    def case_04_revisions(self):
        for revision in ("refs/pr/1", "v1.0", "feature/x", "a+b@c", "refs/convert/parquet", COMMIT):
            self.server.clear()
            self.publish(name="a.txt", body="hello", revisions=f"main {revision}")
            self.both(revision, "ns/name", "a.txt", revision=revision)
            targets = {request["target"] for request in self.server.log()}
            self.check(len(targets) == 1, f"{revision}: targets {targets}")

    def case_05_commits_ask_nobody(self):
        self.server.clear()
        self.publish(name="a.txt", body="hello")
        for first, second in itertools.permutations((self.python, self.c), 2):
            cache = self.cache()
            self.succeeds(first.run(cache, "ns/name", "a.txt", revision=COMMIT), first.kind)
            before = tree(cache)
            self.server.clear_rules()
            self.succeeds(second.run(cache, "ns/name", "a.txt", revision=COMMIT), second.kind, b"hello")
            self.check(self.server.log() == [], f"{second.kind} asked for a commit that {first.kind} has")
            self.check(tree(cache) == before, f"{second.kind} changed the cache")

    def offline(self, caches, repo, name, data):
        for cache in caches:
            before = tree(cache)
            for client in (self.python, self.c, self.jimm):
                self.succeeds(client.run(cache, repo, name, HF_HUB_OFFLINE="1"), f"offline, {client.kind}", data)
            self.check(tree(cache) == before, "reading offline changed the cache")

    def case_06_offline(self):
        self.server.clear()
        self.publish(name="sub/a.bin", body="hello", lfs=True)
        self.offline(self.both("online", "ns/name", "sub/a.bin"), "ns/name", "sub/a.bin", b"hello")
        for client in (self.python, self.c, self.jimm):
            result = client.run(self.cache(), "ns/name", "sub/a.bin", HF_HUB_OFFLINE="1")
            self.check(result.code != 0, f"{client.kind} found what is nowhere")

    def case_06_python_reads_the_cache(self):
        from huggingface_hub import scan_cache_dir, try_to_load_from_cache
        self.server.clear()
        self.publish(name="a.txt", body="hello")
        self.publish(name="b.bin", size=5000, seed=3, lfs=True)
        cache = self.cache()
        self.c.run(cache, "ns/name", "a.txt", "b.bin")
        self.c.run(cache, "ns/name", "none.txt")
        found = scan_cache_dir(cache)
        self.check(not found.warnings and found.size_on_disk == 5005, f"scan: {found}")
        self.check(sorted(file.file_name for repo in found.repos for revision in repo.revisions
                          for file in revision.files) == ["a.txt", "b.bin"], f"scan: {found}")
        path = try_to_load_from_cache("ns/name", "a.txt", cache_dir=cache)
        self.check(isinstance(path, str) and pathlib.Path(path).read_text() == "hello", f"a.txt: {path}")
        path = try_to_load_from_cache("ns/name", "none.txt", cache_dir=cache)
        self.check(path is not None and not isinstance(path, str), f"none.txt: {path}")

    # ---- 7 to 11: several at once

    def large(self, seconds, size=LARGE):
        self.server.clear()
        etag = self.publish(name="a.bin", size=size, seed=9, lfs=True)
        self.server.rule(method="GET", target="/cdn/", prefix=True, hub=True, rate=int(size / seconds))
        return etag

    def check_blob(self, cache, etag, what, unfinished=0):
        names = [path.name for path in (cache / "models--ns--name" / "blobs").iterdir()]
        whole = [name for name in names if not name.endswith(".incomplete")]
        self.check(whole == [etag] and len(names) - 1 == unfinished, f"{what}: blobs {names}")
        data = (cache / "models--ns--name" / "blobs" / etag).read_bytes()
        self.check(hashlib.sha256(data).hexdigest() == etag, f"{what}: the blob has other bytes")

    def case_07_at_once(self):
        size = 3 << 20 if self.quick else LARGE
        for first, second in ((self.python, self.c), (self.c, self.python), (self.jimm, self.python)):
            what = f"{first.kind} then {second.kind}"
            etag, cache = self.large(1.5, size), self.cache()
            one = first.start(cache, "ns/name", "a.bin")
            self.until(self.sent(1 << 18), what)
            two = second.start(cache, "ns/name", "a.bin")
            for process in (one, two):
                self.succeeds(Client.wait(process), what)
            self.check(self.gets() == 1, f"{what}: {self.gets()} GETs")
            self.check_blob(cache, etag, what)

    def case_08_without_locks(self):
        etag, cache = self.large(1.5, 3 << 20), self.cache()
        processes = [self.python.start(cache, "ns/name", "a.bin", prepare=forbid_flock)]
        self.until(self.sent(1), "without locks")  # Python starts slowly
        processes.append(self.c.start(cache, "ns/name", "a.bin", prepare=forbid_flock))
        results = [Client.wait(process) for process in processes]
        for client, result in zip((self.python, self.c), results, strict=True):
            self.succeeds(result, f"without locks, {client.kind}")
        self.check(self.gets() == 2, f"without locks: {self.gets()} GETs")
        self.check_blob(cache, etag, "without locks")

    def case_09_lock_file_that_is_removed(self):
        for client in (self.python, self.c):
            self.server.clear()
            etag, cache = self.publish(name="a.bin", body="hello", lfs=True), self.cache()
            path = cache / ".locks" / "models--ns--name" / f"{etag}.lock"
            path.parent.mkdir(parents=True)
            with hold(path) as old:
                process = client.start(cache, "ns/name", "a.bin")
                self.until(lambda: len(self.server.log()) > 0, client.kind)
                time.sleep(0.5)
                path.unlink()
                with hold(path):
                    fcntl.flock(old, fcntl.LOCK_UN)
                    time.sleep(0.5)
                    self.check(process.poll() is None and self.gets() == 0,
                               f"{client.kind} took the lock of a file that was removed")
            self.succeeds(Client.wait(process), client.kind)
            self.check_blob(cache, etag, f"lock removed, {client.kind}")

    def case_10_11_killed(self):
        for first, second in itertools.permutations((self.python, self.c), 2):
            what = f"{first.kind} killed beside {second.kind}"
            etag, cache = self.large(2.0, 4 << 20), self.cache()
            one = first.start(cache, "ns/name", "a.bin")
            self.until(self.sent(1 << 19), what)
            two = second.start(cache, "ns/name", "a.bin")
            self.until(lambda: sum(r["method"] == "HEAD" for r in self.server.log()) == 2, what)
            one.send_signal(signal.SIGKILL)
            Client.wait(one)
            self.succeeds(Client.wait(two), what)
            self.check(self.gets() == 2, f"{what}: {self.gets()} GETs")
            self.check_blob(cache, etag, what, unfinished=1)

    def case_11_killed_at_random(self):
        chosen = random.Random(2)
        for number in range(2 if self.quick else 15):
            etag, cache = self.large(0.25, 1 << 20), self.cache()
            process = self.c.start(cache, "ns/name", "a.bin")
            time.sleep(chosen.random() * 0.35)
            process.kill()
            Client.wait(process)
            self.server.clear_rules()
            self.succeeds(self.python.run(cache, "ns/name", "a.bin"), f"Python after kill {number}")
            blobs = cache / "models--ns--name" / "blobs"
            whole = [path for path in blobs.iterdir() if not path.name.endswith(".incomplete")]
            self.check([path.name for path in whole] == [etag], f"kill {number}: {whole}")
            self.check(hashlib.sha256(whole[0].read_bytes()).hexdigest() == etag, f"kill {number}: other bytes")

    # ---- 12, 17, 20, 21, 23

    def case_12_poisoned(self):
        for poison in (b"he", b"HELLO", b"HELLO, world"):
            self.server.clear()
            etag = self.publish(name="a.txt", body="hello", lfs=True)
            caches = []
            for client in (self.python, self.c):
                cache = self.cache()
                caches.append(cache)
                blobs = cache / "models--ns--name" / "blobs"
                blobs.mkdir(parents=True)
                (blobs / f"{etag}.incomplete").write_bytes(poison)
                self.succeeds(client.run(cache, "ns/name", "a.txt"), f"{poison}, {client.kind}", b"hello")
            self.same(*caches, f"poison {poison}")

    def case_13_cut(self):
        for client in (self.python, self.c):
            self.server.clear()
            etag, cache = self.publish(name="a.bin", size=300000, seed=4, lfs=True), self.cache()
            for cut in (70000, 100000):
                self.server.rule(method="GET", target="/cdn/", prefix=True, hub=True, cut=cut, times=1)
            self.succeeds(client.run(cache, "ns/name", "a.bin"), f"cut, {client.kind}")
            self.check_blob(cache, etag, f"cut, {client.kind}")
            ranges = [[line for line in r["headers"].lower().split("\r\n") if line.startswith("range:")]
                      for r in self.server.log() if r["method"] == "GET"]
            # Python counts what it has by 10 MB, and begins anew.
            self.check(client is self.python or ranges == [[], ["range: bytes=70000-"], ["range: bytes=170000-"]], f"{client.kind}: {ranges}")

    def case_16_token(self):
        self.server.clear()
        self.publish(name="a.bin", body="hello", lfs=True, token="hf_secret")
        for client in (self.python, self.c):
            self.server.clear_rules()
            self.succeeds(client.run(self.cache(), "ns/name", "a.bin", HF_TOKEN="hf_secret"), client.kind)
            told = [(r["port"], "hf_secret" in r["headers"]) for r in self.server.log()]
            self.check(told == [(1, True), (2, False)], f"{client.kind}: {told}")

    def case_17_renamed(self):
        self.server.clear()
        self.publish(name="a.txt", body="hello")
        for old, new in (("old/name", "mid/name"), ("mid/name", "new/name"), ("new/name", "ns/name")):
            self.server.rule(target=f"/{old}/resolve/main/a.txt", status=307,
                             headers=f"Location: /{new}/resolve/main/a.txt\r\n")
        self.both("renamed", "old/name", "a.txt")
        self.server.rule(target="/ns/loop/resolve/main/a.txt", status=302,
                         headers="Location: /ns/loop/resolve/main/a.txt\r\n")
        for client in (self.python, self.c):
            self.check(client.run(self.cache(), "ns/loop", "a.txt").code != 0, f"{client.kind} came out of a loop")

    def case_20_moves(self):
        caches = []
        for first, second in itertools.product((self.python, self.c), repeat=2):
            cache = self.cache()
            self.server.clear()
            self.publish(name="a.txt", body="hello")
            self.publish(name="same.txt", body="the same")
            self.succeeds(first.run(cache, "ns/name", "a.txt", "same.txt"), first.kind)
            self.publish(name="a.txt", body="hello again", commit=COMMIT_2)
            self.publish(name="same.txt", body="the same", commit=COMMIT_2)
            self.succeeds(second.run(cache, "ns/name", "a.txt", "same.txt"), second.kind, b"hello again")
            caches.append(cache)
        for cache in caches[1:]:
            self.same(caches[0], cache, "a branch that moves")

    def case_21_dangling(self):
        self.server.clear()
        etag = self.publish(name="a.txt", body="hello")
        caches = []
        for client in (self.python, self.c):
            cache = self.cache()
            client.run(cache, "ns/name", "a.txt")
            (cache / "models--ns--name" / "blobs" / etag).unlink()
            self.succeeds(client.run(cache, "ns/name", "a.txt"), f"dangling, {client.kind}", b"hello")
            caches.append(cache)
        self.same(*caches, "dangling")

    def case_23_without_links(self):
        self.server.clear()
        self.publish(name="sub/a.txt", body="hello")
        caches = self.both("without links", "ns/name", "sub/a.txt", HF_HUB_DISABLE_SYMLINKS="1")
        for cache, client in itertools.product(caches, (self.python, self.c)):
            self.succeeds(client.run(cache, "ns/name", "sub/a.txt"), "links again", b"hello")

    # ---- 24: refusals

    def case_24_refusals(self):
        self.server.clear()
        self.publish(name="a.txt", body="hello")
        self.publish(repo="ns/gated", name="a.txt", body="hello", gated=True)
        self.publish(repo="ns/private", name="a.txt", body="hello", token="hf_secret")
        for repo, name, revision in (("ns/name", "sub/none.txt", None), ("ns/name", "a.txt", "none"),
                                     ("ns/none", "a.txt", None), ("ns/gated", "a.txt", None),
                                     ("ns/private", "a.txt", None)):
            what, caches = f"{repo} {name} {revision}", []
            for client in (self.python, self.c):
                caches.append(self.cache())
                result = client.run(caches[-1], repo, name, revision=revision)
                if client is self.python:
                    wanted = STATUSES.get(result.error, result.error)
                else:
                    self.check(result.code == wanted, f"{what}: status {result.code}, Python's {wanted}: {result.error}")
            self.check(tree(caches[0]) == tree(caches[1]), f"{what}: {difference(*map(tree, caches))}")


@contextlib.contextmanager
def hold(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file


def forbid_flock():
    """In a child: flock fails with ENOSYS, as on file systems without it (a filter of seccomp)."""
    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint16), ("code", ctypes.POINTER(Instruction))]

    number = {"x86_64": 73, "aarch64": 32}[os.uname().machine]
    code = (Instruction * 4)((0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 38),
                             (0x06, 0, 0, 0x7FFF0000))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(38, 1, 0, 0, 0) != 0 or prctl(22, 2, ctypes.byref(Program(4, code))) != 0:
        os._exit(125)


def main():
    parser = argparse.ArgumentParser(description="The hub's client beside huggingface_hub.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller ones")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names, or beginnings of them")
    args = parser.parse_args()
    build = args.build.resolve()
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="jimm-hub-", dir=base) as name, Server(build) as server:
        server.set_environment(pathlib.Path(name))
        checks = Hub(build, pathlib.Path(name), server, args.quick)
        for case in (name for name in sorted(dir(Hub)) if name.startswith("case_")):
            if not args.cases or any(case.startswith(f"case_{wanted}") for wanted in args.cases):
                start = time.monotonic()
                getattr(checks, case)()
                print(f"{case[5:]}: {time.monotonic() - start:.1f} s", flush=True)
    print(f"hub: {checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
    return 0 if checks.failed == 0 and checks.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
