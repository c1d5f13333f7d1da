"""`scr-live run --serve` as a process of its own."""

import re
import subprocess
import sys
import threading

_LINE = re.compile(r"(https?)://(\S+):(\d+)/(?:\?token=(\S+))?")


class Run:
    """A run of the phantom, small enough for any machine."""

    def __init__(self, folder, *options, host="127.0.0.1"):
        command = [sys.executable, "-u", "-m", "scr_live", "run", "--no-display", "--engine", "constant"]
        source = "phantom:live=1,size=64x48,duration=endless"
        self._process = subprocess.Popen(
            [*command, "--source", source, "--serve", f"{host}:0", *map(str, options)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []
        self._heard = threading.Event()
        self._reader = threading.Thread(target=self._read)

    def __enter__(self):
        self._reader.start()
        assert self._heard.wait(60), "".join(self.said)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._reader.join(60)
        assert self._process.wait(30) == 0, "".join(self.said)
        self._process.stdout.close()

    def _read(self):
        for line in self._process.stdout:
            self.said.append(line)
            found = _LINE.search(line)
            if found:
                scheme, _, self.port, self.token = found.groups()
                self.url = f"{scheme}://127.0.0.1:{self.port}/"
                self._heard.set()
