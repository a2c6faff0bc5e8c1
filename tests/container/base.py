"""A stand-in for Directus's image, on which the unchanged docker/Dockerfile can be built.

Makes the stand-in and everything that a build on it fetches: Debian's packages and the wheels of the image's lock.
All of it is in the per-user cache, so builds need no network. Directus's packages are 120,000 files, so containers
mount them: without an overlay each step of a build would copy the whole image.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tools.devstack import directus_home, extension, host, node
from tools.devstack.cache import Artefact, Build

HERE = Path(__file__).parent
LOCK = ROOT / "requirements.runtime.lock"
ECOSYSTEM = ROOT / "tests" / "fixtures" / "ecosystem.config.cjs"
PIN = json.loads((ROOT / "docker" / "directus" / "package.json").read_text())["dependencies"]["directus"]
# The Dockerfile pins Directus's image by digest, so builds are told to use this name instead.
NAME = f"docker.io/directus/directus:{PIN}"

RECIPE = "1"
SUITE = "trixie"
PYTHON = "3.13"
# busybox provides sh and wget, passwd creates the user, Node needs the library.
INCLUDED = ("busybox", "libstdc++6", "passwd")
# By Alpine package, the Debian packages used instead.
PACKAGES = {"python3": ("python3", "python3-venv"), "tini": ("tini",)}
PIP = "[global]\nno-index = true\nfind-links = /var/cache/wheels\n"
PACKAGES_FOLDER = "/directus/node_modules/.pnpm"
BUILDAH = ("buildah", "--storage-driver", "vfs")


@dataclass(frozen=True)
class Base:
    """The stand-in. store: buildah's storage with its image; packages: Directus's packages, to be mounted."""

    folder: Path
    packages: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def volumes(self) -> dict[Path, str]:
        """Folders that a build needs, with the paths at which apk, pip and Node expect them."""
        return {
            self.folder / "apk": "/var/cache/apk",
            self.folder / "wheels": "/var/cache/wheels",
            self.packages: PACKAGES_FOLDER,
            extension.dependencies(ROOT, development=True).ensure(): "/var/cache/extension",
        }


def base() -> Base:
    """Return the stand-in; build it if it is missing."""
    home = directus_home.directus_home(ROOT)
    return Base(_artefact(home).ensure(), home.parent / ".pnpm")


def _artefact(home: Path) -> Artefact:
    sources = (HERE / "Dockerfile", HERE / "apk", HERE / "npx", ECOSYSTEM, LOCK)
    return Artefact(
        name="image-base",
        title="a stand-in for upstream's image (about 40 s, once per user)",
        inputs={
            **{source.name: source.read_bytes() for source in sources},
            "directus": home.parent.parent.name,
            "packages": " ".join((SUITE, PYTHON, *INCLUDED, *(name for names in PACKAGES.values() for name in names))),
            "pip": PIP,
            "recipe": RECIPE,
        },
        recipe=lambda build: _build(build, home),
        prepare=lambda: host.require(
            {"mmdebstrap": "mmdebstrap", "buildah": "buildah", "setpriv": "util-linux"},
            who="building the image without Docker",
            otherwise="do without: the tests of a built image are skipped",
        ),
    )


def _build(build: Build, home: Path) -> None:
    context = build.work / "context"
    context.mkdir()
    _install_debian(build, context / "root")
    _copy_directus(home, context)
    _download_wheels(build)
    (context / "pip.conf").write_text(PIP)
    build.run([
        *BUILDAH, "--root", str(build.work / "store"), "--runroot", str(build.work / "run"), "build",
        "--isolation", "chroot", "--network", "host", "--tag", NAME,
        "--file", str(HERE / "Dockerfile"), str(context),
    ])  # fmt: skip
    shutil.rmtree(context)
    shutil.rmtree(build.work / "run")


def _install_debian(build: Build, root: Path) -> None:
    """Make the root file system, and download the packages that its apk will install."""
    hooks = []
    for name, packages in PACKAGES.items():
        target = build.work / "apk" / name
        target.mkdir(parents=True)
        fetch = f"apt-get --yes --download-only install {' '.join(packages)}"
        hooks.append(
            '--customize-hook=export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; '
            f'apt-get clean && {fetch} && mv "$1"/var/cache/apt/archives/*.deb {target}'
        )
    build.run([
        "mmdebstrap", "--variant=apt", "--mode=root", f"--include={','.join(INCLUDED)}",
        '--aptopt=Apt::Install-Recommends "false"', *hooks, SUITE, str(root),
    ])  # fmt: skip


def _copy_directus(home: Path, context: Path) -> None:
    """Copy what Directus's image adds to its system: Directus without its packages, Node and pm2."""
    directus, programs = context / "directus", context / "programs"
    packages = directus / "node_modules" / ".pnpm"
    packages.mkdir(parents=True)
    programs.mkdir()
    for name in ("database", "extensions", "uploads"):
        (directus / name).mkdir()
    for name in ("cli.js", "package.json", "version.js"):
        shutil.copy(home / name, directus)
    shutil.copy(ECOSYSTEM, directus)
    installed = home.parent / ".pnpm"
    needed = home.resolve().parent.relative_to(installed.resolve())
    (packages.parent / "@directus").symlink_to(Path(".pnpm", needed, "@directus"))
    shutil.copy(node.node(), programs)
    shutil.copy(HERE / "apk", programs)
    shutil.copy(HERE / "npx", programs)
    (pm2,) = installed.glob("pm2@*/node_modules/pm2/bin/pm2-runtime")
    (programs / "pm2-runtime").symlink_to(Path("/directus/node_modules/.pnpm", pm2.relative_to(installed)))


def _download_wheels(build: Build) -> None:
    platforms = [f"--platform=manylinux_2_{minor}_{platform.machine()}" for minor in range(17, 42)]
    build.run([
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--require-hashes",
        "--only-binary=:all:", "--no-deps", f"--python-version={PYTHON}", *platforms,
        f"--requirement={LOCK}", f"--dest={build.work / 'wheels'}",
    ])  # fmt: skip
