"""Print every figure that vaereg claims, measured here and now; exit code 1 where a bar is missed.

Usage: python benchmarks/run.py [NAME...]    names: start header digests scan pairs health kinship
response crossing generation doctor pull peek
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fixtures
from crossing import crossing
from frontends import doctor
from generation import generation
from health import health
from kinship import related
from measure import BIN, call_seconds, command_seconds, report
from pulling import peeking, pulling
from response import response

VAEREG = str(BIN / "vaereg")


def start(folder: Path) -> bool:
    """Start-up against huggingface_hub's `hf --help` in the same run."""
    home = folder / "start"
    fixtures.registry(home, 800, 200)
    peer = command_seconds([str(BIN / "hf"), "--help"])
    listing = command_seconds([VAEREG, "--home", str(home), "list"])
    version = command_seconds([VAEREG, "--version"])
    return all(
        (
            report(
                "vaereg list, 1,000 models / hf --help",
                f"{listing * 1000:.0f} ms, ratio {listing / peer:.2f}",
                "0.5",
                listing / peer <= 0.5,
            ),
            report(
                "vaereg --version / hf --help",
                f"{version * 1000:.0f} ms, ratio {version / peer:.2f}",
                "0.2",
                version / peer <= 0.2,
            ),
        )
    )


def header(folder: Path) -> bool:
    """The header of a 6.9 GB file: time, bytes read, and memory over thousands of readings."""
    from vaereg.registry.formats.catalog import read_header
    from vaereg.registry.formats.local import LocalFile

    path = fixtures.big_header_file(folder / "big.safetensors")

    def once() -> int:
        with LocalFile(path) as file:
            read_header(file)
            return file.bytes_read

    seconds, read = call_seconds(once, 31), once()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2000):
        once()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    path.unlink()
    return all(
        (
            report("header of a 6.9 GB file", f"{seconds * 1000:.1f} ms", "5 ms", seconds < 0.005),
            report("bytes read for it", f"{read:,}", "1,000,000", read < 1_000_000),
            report("memory grown over 2,000 more", f"{grown:,} kB", "5,000 kB", grown < 5000),
        )
    )


def digests(folder: Path) -> bool:
    """All six digests of 2 GiB in the page cache against `openssl dgst -sha256`."""
    from vaereg.registry.digests import digest_file
    from vaereg.registry.formats.local import LocalFile

    path = fixtures.random_file(folder / "two.bin", 2 << 30)
    ratios, walls = [], []
    for _ in range(6):
        started = time.perf_counter()
        with LocalFile(path) as file:
            digest_file(file)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        subprocess.run(["openssl", "dgst", "-sha256", path], capture_output=True, check=True)
        ratios.append(ours / (time.perf_counter() - started))
        walls.append(ours)
    path.unlink()
    ratio, wall = sorted(ratios[1:])[2], sorted(walls[1:])[2]
    return report(
        "six digests of 2 GiB / openssl dgst -sha256",
        f"{wall:.2f} s, ratio {ratio:.2f}",
        "1.3",
        ratio <= 1.3,
    )


def scan(folder: Path) -> bool:
    """A second scan of 10,000 unchanged files, whole process."""
    fixtures.library(folder / "library", 10_000)
    command = [VAEREG, "--home", str(folder / "scan"), "scan", str(folder / "library")]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    first = time.perf_counter() - started
    second = command_seconds(command, 5)
    return report(
        "second scan of 10,000 unchanged files",
        f"{second:.2f} s (first {first:.0f} s)",
        "1.5 s",
        second < 1.5,
    )


def pairs(folder: Path) -> bool:
    """`list --compatible` over 500 checkpoints and 200 VAEs, whole process."""
    home = folder / "pairs"
    fixtures.registry(home, 500, 200)
    words = command_seconds([VAEREG, "--home", str(home), "list", "--compatible"], 5)
    as_json = command_seconds([VAEREG, "--home", str(home), "list", "--compatible", "--json"], 5)
    return all(
        (
            report("list --compatible, 500 x 200", f"{words:.2f} s", "1 s", words < 1),
            report("list --compatible --json", f"{as_json:.2f} s", "1 s", as_json < 1),
        )
    )


FIGURES = {
    "start": start,
    "header": header,
    "digests": digests,
    "scan": scan,
    "pairs": pairs,
    "health": health,
    "kinship": related,
    "response": response,
    "crossing": crossing,
    "generation": generation,
    "doctor": doctor,
    "pull": pulling,
    "peek": peeking,
}


def main() -> int:
    """Measure the figures named on the command line, or all."""
    names = sys.argv[1:] or list(FIGURES)
    with tempfile.TemporaryDirectory() as folder:
        held = [FIGURES[name](Path(folder)) for name in names]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
