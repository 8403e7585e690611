"""Writing HDF5 fixtures so that each appears whole or not at all, whatever happens."""

import contextlib
import io
import os
import pathlib
import signal
import tempfile

import h5py


@contextlib.contextmanager
def whole_or_not_at_all(path):
    """A temporary name beside `path`, which takes its place when the block ends without error."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


class Signals:
    """SIGINT, SIGTERM and SIGHUP raise SystemExit, so that no temporary file stays; not while HDF5
    is at work, which an exception in Sink would crash."""

    def __init__(self):
        self.held, self.caught = 0, None

    def __enter__(self):
        stop = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self.before = {number: signal.signal(number, self.arrive) for number in stop}

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def arrive(self, number, _frame=None):
        self.caught = number
        if not self.held:
            raise SystemExit(128 + number)

    @contextlib.contextmanager
    def hold(self):
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
        if self.caught is not None:
            self.arrive(self.caught)


SIGNALS = Signals()


class Sink(io.FileIO):
    """A file for HDF5 to write to. libhdf5 crashes the process when a write fails (h5py 3.16), so a
    failure is kept for check(), and HDF5 does not hear of it."""

    def __init__(self, path):
        super().__init__(path, "w+")
        self.error = None

    def write(self, data):
        rest = memoryview(data).cast("B")
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def truncate(self, size=None):
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size

    def readinto(self, buffer):
        count = super().readinto(buffer)
        buffer[count:] = bytes(len(buffer) - count)  # what a failed write left out
        return len(buffer)

    def check(self):
        if self.error is not None:
            raise self.error


class Fixture:
    """A fixture being written, or a group of it: arrays go to the file one by one."""

    def __init__(self, group, sink):
        self.group, self.sink = group, sink

    def create_group(self, name, **options):
        with SIGNALS.hold():
            return Fixture(self.group.create_group(name, **options), self.sink)

    def create_dataset(self, name, data):
        with SIGNALS.hold():
            self.group.create_dataset(name, data=data)
        self.sink.check()

    def __delitem__(self, name):
        with SIGNALS.hold():
            del self.group[name]


@contextlib.contextmanager
def new_fixture(path, attributes):
    """A Fixture that takes the place of `path` when the block ends without error."""
    with whole_or_not_at_all(path) as temporary, Sink(temporary) as sink:
        with SIGNALS.hold():
            file = h5py.File(sink, "w")
            file.attrs.update(attributes)
        try:
            yield Fixture(file, sink)
        finally:
            with SIGNALS.hold():
                file.close()
        sink.check()
        os.fsync(sink.fileno())
